-- What was stored from which offsets; written after the marks, before the commit (DESIGN D3).
INSERT INTO ingest_ranges
(
    topic, topic_id, partition, kind, first, next, rows, cost, last_hash, reason
)
FORMAT Native
