-- When ingest last wrote calls; 0 if it never did in the last day.
SELECT toUnixTimestamp64Milli(max(at)) AS newest
FROM ingest_ranges
WHERE topic = {topic:String} AND kind = 'range' AND at >= {from:DateTime64(3, 'UTC')}
