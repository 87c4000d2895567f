-- What a settlement is decided by, beside what the table has already, so that it never has to look into call_reports.
ALTER TABLE {{.Database}}.settle_candidates
    ADD COLUMN IF NOT EXISTS start DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    ADD COLUMN IF NOT EXISTS duration_ns UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS operation LowCardinality(String),
    ADD COLUMN IF NOT EXISTS input UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS output UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS authenticated UInt8;
