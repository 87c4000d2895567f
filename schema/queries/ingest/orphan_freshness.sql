-- Whether a partition is listed that the topic doesn't have any more: it was re-created with fewer.
SELECT count() > 0
FROM ingest_freshness
WHERE topic = {topic:String} AND partition >= {count:Int32}
