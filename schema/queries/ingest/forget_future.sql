-- Rows of a time to come (future_freshness).
DELETE FROM ingest_freshness
WHERE topic = {topic:String} AND partition IN {partitions:Array(Int32)} AND at > now64(3) + INTERVAL 10 SECOND
