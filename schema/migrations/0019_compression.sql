-- Spans' columns say what prepares them for compression, and the table's TTL how hard they are compressed: ZSTD(1) at the first
-- merge, harder on the way to cold. A codec of a column's own keeps RECOMPRESS from it, and so does default_compression_codec
-- (docs/adr/0028). Parts of before change as they are merged.
ALTER TABLE {{.Database}}.spans
    MODIFY COLUMN minute DateTime('UTC') CODEC(Delta(4), Default),
    MODIFY COLUMN tenant LowCardinality(String) CODEC(Default),
    MODIFY COLUMN trace_id FixedString(16) CODEC(Default),
    MODIFY COLUMN span_id FixedString(8) CODEC(Default),
    MODIFY COLUMN parent_span_id FixedString(8) CODEC(Default),
    MODIFY COLUMN start DateTime64(9, 'UTC') CODEC(Delta(8), Default),
    MODIFY COLUMN duration_ns UInt64 CODEC(T64, Default),
    MODIFY COLUMN service LowCardinality(String) CODEC(Default),
    MODIFY COLUMN name LowCardinality(String) CODEC(Default),
    MODIFY COLUMN kind LowCardinality(String) CODEC(Default),
    MODIFY COLUMN status LowCardinality(String) CODEC(Default),
    MODIFY COLUMN status_message String CODEC(Default),
    MODIFY COLUMN scope LowCardinality(String) CODEC(Default),
    MODIFY COLUMN resource Map(LowCardinality(String), String) CODEC(Default),
    MODIFY COLUMN attributes Map(LowCardinality(String), String) CODEC(Default),
    MODIFY COLUMN events Array(Tuple(at DateTime64(9, 'UTC'), name String, attributes Map(String, String))) CODEC(Default),
    MODIFY COLUMN kept LowCardinality(String) CODEC(Default),
    MODIFY COLUMN sample_probability Float64 CODEC(Default),
    MODIFY COLUMN version UInt64 CODEC(Default);

-- What retention drops, it drops as whole parts.
ALTER TABLE {{.Database}}.cost_hour MODIFY SETTING ttl_only_drop_parts = 1;
ALTER TABLE {{.Database}}.cost_day MODIFY SETTING ttl_only_drop_parts = 1;
ALTER TABLE {{.Database}}.cost_hour_by MODIFY SETTING ttl_only_drop_parts = 1;
ALTER TABLE {{.Database}}.cost_day_by MODIFY SETTING ttl_only_drop_parts = 1;
