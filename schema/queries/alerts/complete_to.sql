-- Up to which time the whole topic is known to be complete; 0 if nothing is known.
SELECT toUnixTimestamp64Milli(min(complete_to)) AS complete_to
FROM ingest_freshness FINAL
WHERE topic = {topic:String}
