-- Offsets that Kafka had lost before they were stored: calls that the ledger knows it hasn't got.
SELECT sum(next - first) AS value
FROM ingest_ranges
WHERE kind = 'gap' AND at >= toDateTime64($__fromTime, 3, 'UTC') AND at < toDateTime64($__toTime, 3, 'UTC')
