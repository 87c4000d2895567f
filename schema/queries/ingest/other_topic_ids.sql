-- Whether this topic had another id before: it was deleted and created again.
SELECT count() > 0
FROM ingest_ranges
WHERE topic = {topic:String} AND topic_id != {topic_id:UUID} AND partition = {partition:Int32}
