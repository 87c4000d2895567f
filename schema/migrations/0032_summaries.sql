-- Totals of a window by tenant alone and by model alone, which boards read instead of the rows of all keys (docs/adr/0052-totals-by-one-key.md). They are
-- made of rows of revisions that don't change, and a board reads them only where spend_windows says so, which it does after they are there: they can be missing, not wrong.
-- slot says what they stand for: toInt64(hour) + 500000000000 for the minutes of an hour, toInt64(window) + 600000000000 for an hour, + 700000000000 for a day; n is the
-- number of the writing; worker is 0, so that a row is found as one of cost_minute is.
{{define "measures"}}    calls            UInt64 CODEC(T64, LZ4),
    errors           UInt64 CODEC(T64, LZ4),
    rate_limited     UInt64 CODEC(T64, LZ4),
    unpriced_calls   UInt64 CODEC(T64, LZ4),
    flagged_calls    UInt64 CODEC(T64, LZ4),
    estimated_calls  UInt64 CODEC(T64, LZ4),
    provided_calls   UInt64 CODEC(T64, LZ4),
    reserved_calls   UInt64 CODEC(T64, LZ4),
    streamed_calls   UInt64 CODEC(T64, LZ4),
    fresh_input      UInt64 CODEC(T64, LZ4),
    cache_read       UInt64 CODEC(T64, LZ4),
    cache_write_5m   UInt64 CODEC(T64, LZ4),
    cache_write_1h   UInt64 CODEC(T64, LZ4),
    audio_input      UInt64 CODEC(T64, LZ4),
    image_input      UInt64 CODEC(T64, LZ4),
    text_output      UInt64 CODEC(T64, LZ4),
    reasoning        UInt64 CODEC(T64, LZ4),
    audio_output     UInt64 CODEC(T64, LZ4),
    reserved_tokens  UInt64 CODEC(T64, LZ4),
    cost             Decimal(38, 12) CODEC(GCD, LZ4),
    cost_input       Decimal(38, 12) CODEC(GCD, LZ4),
    cost_cache_read  Decimal(38, 12) CODEC(GCD, LZ4),
    cost_cache_write Decimal(38, 12) CODEC(GCD, LZ4),
    cost_output      Decimal(38, 12) CODEC(GCD, LZ4),
    cost_reasoning   Decimal(38, 12) CODEC(GCD, LZ4),
    cost_other       Decimal(38, 12) CODEC(GCD, LZ4),
    list_cost        Decimal(38, 12) CODEC(GCD, LZ4),
    cache_saved      Decimal(38, 12) CODEC(GCD, LZ4),
    tier_saved       Decimal(38, 12) CODEC(GCD, LZ4),
    request_bytes    UInt64 CODEC(T64, LZ4),
    response_bytes   UInt64 CODEC(T64, LZ4),
    latency          Map(UInt8, UInt64),
    first_token      Map(UInt8, UInt64){{end}}
CREATE TABLE IF NOT EXISTS {{.Database}}.summary_tenants
(
    slot             Int64 CODEC(Delta(8), LZ4),
    n                UInt64 CODEC(Delta(8), LZ4),
    worker           UInt64 CODEC(Delta(8), LZ4),
    window           DateTime('UTC') CODEC(Delta(4), LZ4),
    tenant           LowCardinality(String),
{{template "measures"}}
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(window)
ORDER BY (slot, n, worker, window, tenant)
SETTINGS storage_policy = '{{.Policy}}', fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS {{.Database}}.summary_models
(
    slot             Int64 CODEC(Delta(8), LZ4),
    n                UInt64 CODEC(Delta(8), LZ4),
    worker           UInt64 CODEC(Delta(8), LZ4),
    window           DateTime('UTC') CODEC(Delta(4), LZ4),
    provider         LowCardinality(String),
    model            LowCardinality(String),
{{template "measures"}}
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(window)
ORDER BY (slot, n, worker, window, provider, model)
SETTINGS storage_policy = '{{.Policy}}', fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- Which revisions (as in spend_windows) of an hour's minutes, of an hour or of a day a writing has summed up. A row with done = 0 comes before its sums, one with 1 after them.
CREATE TABLE IF NOT EXISTS {{.Database}}.summaries
(
    hour    DateTime('UTC'),
    of      Array(Tuple(Int64, UInt64, UInt64)),
    writing UInt64,
    done    UInt8,
    at      DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, writing, done)
SETTINGS storage_policy = '{{.Policy}}', index_granularity = 64;

-- What a board that needs no other key reads: the minutes of an hour, summed up or as they are, the hour, and in the first hour of a day the day.
ALTER TABLE {{.Database}}.spend_windows
    ADD COLUMN IF NOT EXISTS writings    Array(UInt64) DEFAULT emptyArrayUInt64(), -- that have summed up the minutes, the hour and the day that it is of; 0: none
    ADD COLUMN IF NOT EXISTS minutes_as  Array(Tuple(Int64, UInt64, UInt64)) DEFAULT if(writings[1] = 0, minutes, [(toInt64(hour) + 500000000000, writings[1], 0)]),
    ADD COLUMN IF NOT EXISTS hour_as     Array(Tuple(Int64, UInt64, UInt64)) DEFAULT if(writings[2] = 0, [], [(toInt64(hour) + 600000000000, writings[2], 0)]),
    ADD COLUMN IF NOT EXISTS day_as      Array(Tuple(Int64, UInt64, UInt64)) DEFAULT if(writings[3] = 0 OR empty(day_of), [], [(toInt64(hour) + 700000000000, writings[3], 0)]),
    ADD COLUMN IF NOT EXISTS hour_summed Bool DEFAULT hour_stands AND writings[2] != 0, -- the hour stands for its minutes and is summed up
    ADD COLUMN IF NOT EXISTS day_summed  Bool DEFAULT day_stands AND writings[3] != 0,
    ADD COLUMN IF NOT EXISTS minutes_gone Bool DEFAULT hour < now('UTC') - INTERVAL 35 DAY; -- the rows of its minutes have ended
