-- Whether rows of some partitions are of a time to come: the server's clock was set back since, and what is written now would count for nothing
-- until then.
SELECT count() > 0
FROM ingest_freshness
WHERE topic = {topic:String} AND partition IN {partitions:Array(Int32)} AND at > now64(3) + INTERVAL 10 SECOND
