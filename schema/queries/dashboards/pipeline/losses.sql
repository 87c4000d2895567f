SELECT at, kind, topic, partition, first AS `from offset`, next AS `to offset`, reason
FROM ingest_ranges
WHERE kind IN ('gap', 'epoch') AND at >= toDateTime64($__fromTime, 3, 'UTC') AND at < toDateTime64($__toTime, 3, 'UTC')
ORDER BY at DESC
LIMIT 200
