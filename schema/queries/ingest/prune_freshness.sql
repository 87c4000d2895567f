-- Partitions that the topic doesn't have any more: nobody would ever complete them.
DELETE FROM ingest_freshness
WHERE topic = {topic:String} AND partition >= {count:Int32}
