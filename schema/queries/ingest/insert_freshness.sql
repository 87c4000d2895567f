-- Up to which time each partition is complete, by ingest's clock; the newest row counts, by the server's.
INSERT INTO ingest_freshness
(
    topic, partition, complete_to
)
FORMAT Native
