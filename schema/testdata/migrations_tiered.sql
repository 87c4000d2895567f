-- 0001_tables
-- Every table of the ledger. Placeholders: the database, the storage policy, and a TTL clause per class of data
-- (Options.Retention). Every statement can be run again without harm.

CREATE TABLE IF NOT EXISTS tollkeeper.call_reports
(
    minute            DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    tenant            LowCardinality(String) CODEC(ZSTD(1)),
    trace_id          FixedString(16) CODEC(ZSTD(1)),
    span_id           FixedString(8) CODEC(ZSTD(1)),
    version           UInt64 CODEC(ZSTD(1)),
    parent_span_id    FixedString(8) CODEC(ZSTD(1)),
    tenant_source     LowCardinality(String) CODEC(ZSTD(1)),
    start             DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    received          DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    duration_ns       UInt64 CODEC(T64, ZSTD(1)),
    first_token_ns    UInt64 CODEC(T64, ZSTD(1)),
    provider          LowCardinality(String) CODEC(ZSTD(1)),
    model             LowCardinality(String) CODEC(ZSTD(1)),
    request_model     LowCardinality(String) CODEC(ZSTD(1)),
    operation         LowCardinality(String) CODEC(ZSTD(1)),
    kind              LowCardinality(String) CODEC(ZSTD(1)),
    service_tier      LowCardinality(String) CODEC(ZSTD(1)),
    finish_reason     LowCardinality(String) CODEC(ZSTD(1)),
    error_class       LowCardinality(String) CODEC(ZSTD(1)),
    service           LowCardinality(String) CODEC(ZSTD(1)),
    environment       LowCardinality(String) CODEC(ZSTD(1)),
    region            LowCardinality(String) CODEC(ZSTD(1)),
    team              LowCardinality(String) CODEC(ZSTD(1)),
    key               LowCardinality(String) CODEC(ZSTD(1)),
    user              String CODEC(ZSTD(1)),
    agent             LowCardinality(String) CODEC(ZSTD(1)),
    feature           LowCardinality(String) CODEC(ZSTD(1)),
    prompt            LowCardinality(String) CODEC(ZSTD(1)),
    prompt_version    LowCardinality(String) CODEC(ZSTD(1)),
    conversation      String CODEC(ZSTD(1)),
    response_id       UInt64 CODEC(ZSTD(1)),
    emitter           LowCardinality(String) CODEC(ZSTD(1)),
    rule              LowCardinality(String) CODEC(ZSTD(1)),
    role              Enum8('leaf' = 0, 'aggregate' = 1, 'wrapper' = 2) CODEC(ZSTD(1)),
    rank              UInt8 CODEC(ZSTD(1)),
    raw               Map(LowCardinality(String), Int64) CODEC(ZSTD(1)),
    fresh_input       UInt64 CODEC(T64, ZSTD(1)),
    cache_read        UInt64 CODEC(T64, ZSTD(1)),
    cache_write_5m    UInt64 CODEC(T64, ZSTD(1)),
    cache_write_1h    UInt64 CODEC(T64, ZSTD(1)),
    audio_input       UInt64 CODEC(T64, ZSTD(1)),
    image_input       UInt64 CODEC(T64, ZSTD(1)),
    text_output       UInt64 CODEC(T64, ZSTD(1)),
    reasoning         UInt64 CODEC(T64, ZSTD(1)),
    audio_output      UInt64 CODEC(T64, ZSTD(1)),
    units             Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    cost_input        Decimal(18, 12) CODEC(T64, ZSTD(1)),
    cost_cache_read   Decimal(18, 12) CODEC(T64, ZSTD(1)),
    cost_cache_write  Decimal(18, 12) CODEC(T64, ZSTD(1)),
    cost_output       Decimal(18, 12) CODEC(T64, ZSTD(1)),
    cost_reasoning    Decimal(18, 12) CODEC(T64, ZSTD(1)),
    cost_other        Decimal(18, 12) CODEC(T64, ZSTD(1)),
    list_delta        Decimal(18, 12) CODEC(T64, ZSTD(1)),
    cache_saved       Decimal(18, 12) CODEC(T64, ZSTD(1)),
    tier_saved        Decimal(18, 12) CODEC(T64, ZSTD(1)),
    provided_cost     Decimal(18, 12) CODEC(T64, ZSTD(1)),
    price_version     LowCardinality(String) CODEC(ZSTD(1)),
    price_entry       LowCardinality(String) CODEC(ZSTD(1)),
    unpriced          LowCardinality(String) CODEC(ZSTD(1)),
    flags             UInt32 CODEC(T64, ZSTD(1)),
    request_bytes     UInt64 CODEC(T64, ZSTD(1)),
    response_bytes    UInt64 CODEC(T64, ZSTD(1)),
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(minute)
ORDER BY (minute, tenant, trace_id, span_id)
TTL minute + INTERVAL 3 DAY TO VOLUME 'warm', minute + INTERVAL 30 DAY TO VOLUME 'cold', minute + INTERVAL 400 DAY DELETE
SETTINGS storage_policy = 'tiered', materialize_ttl_recalculate_only = 1, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS tollkeeper.settlements
(
    minute          DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    tenant          LowCardinality(String),
    trace_id        FixedString(16),
    span_id         FixedString(8),
    revision        UInt64,
    loses           UInt8,
    winner_minute   DateTime('UTC'),
    winner_tenant   LowCardinality(String),
    winner_trace_id FixedString(16),
    winner_span_id  FixedString(8),
    reason          LowCardinality(String),
    at              DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toDate(minute)
ORDER BY (minute, tenant, trace_id, span_id)
TTL minute + INTERVAL 3 DAY TO VOLUME 'warm', minute + INTERVAL 30 DAY TO VOLUME 'cold', minute + INTERVAL 400 DAY DELETE
SETTINGS storage_policy = 'tiered', materialize_ttl_recalculate_only = 1, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS tollkeeper.settle_candidates
(
    hour           DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    response_id    UInt64,
    trace_id       FixedString(16),
    span_id        FixedString(8),
    minute         DateTime('UTC'),
    tenant         LowCardinality(String),
    version        UInt64,
    parent_span_id FixedString(8),
    provider       LowCardinality(String),
    role           Enum8('leaf' = 0, 'aggregate' = 1, 'wrapper' = 2),
    rank           UInt8,
    flags          UInt32
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(hour)
ORDER BY (hour, response_id, trace_id, span_id, minute, tenant)
TTL hour + INTERVAL 40 DAY DELETE
SETTINGS storage_policy = 'tiered', materialize_ttl_recalculate_only = 1, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS tollkeeper.spans
(
    minute             DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    tenant             LowCardinality(String) CODEC(ZSTD(1)),
    trace_id           FixedString(16) CODEC(ZSTD(1)),
    span_id            FixedString(8) CODEC(ZSTD(1)),
    parent_span_id     FixedString(8) CODEC(ZSTD(1)),
    start              DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    duration_ns        UInt64 CODEC(T64, ZSTD(1)),
    service            LowCardinality(String) CODEC(ZSTD(1)),
    name               LowCardinality(String) CODEC(ZSTD(1)),
    kind               LowCardinality(String) CODEC(ZSTD(1)),
    status             LowCardinality(String) CODEC(ZSTD(1)),
    status_message     String CODEC(ZSTD(1)),
    scope              LowCardinality(String) CODEC(ZSTD(1)),
    resource           Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes         Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    events             Array(Tuple(at DateTime64(9, 'UTC'), name String, attributes Map(String, String))) CODEC(ZSTD(1)),
    kept               LowCardinality(String) CODEC(ZSTD(1)),
    sample_probability Float64 CODEC(ZSTD(1)),
    version            UInt64 CODEC(ZSTD(1)),
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(minute)
ORDER BY (minute, tenant, trace_id, span_id)
TTL minute RECOMPRESS CODEC(ZSTD(1)), minute + INTERVAL 3 DAY TO VOLUME 'warm', minute + INTERVAL 13 DAY RECOMPRESS CODEC(ZSTD(12)), minute + INTERVAL 14 DAY TO VOLUME 'cold', minute + INTERVAL 30 DAY DELETE
SETTINGS storage_policy = 'tiered', materialize_ttl_recalculate_only = 1, ttl_only_drop_parts = 1;

-- Marks: the window's rows changed since it was rolled up. A row with done = 1 removes the mark of that id; rollup sweeps
-- both. No TTL: it could drop a tombstone before the mark it hides.
CREATE TABLE IF NOT EXISTS tollkeeper.dirty_windows
(
    level  Enum8('minute' = 0, 'hour' = 1, 'day' = 2),
    window DateTime('UTC'),
    id     UUID,
    due    DateTime64(3, 'UTC'),
    done   UInt8,
    at     DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(done)
ORDER BY (level, window, id)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS tollkeeper.window_revisions
(
    level     Enum8('minute' = 0, 'hour' = 1, 'day' = 2),
    window    DateTime('UTC'),
    n         UInt64,
    worker    UInt64,
    committed UInt8,
    rows      UInt64,
    at        DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(window)
ORDER BY (level, window, n, worker, committed)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- Totals per window. A row counts only if its (window, n, worker) is the newest committed one of window_revisions: read
-- through the views spend_minute, spend_hour, spend_day and spend, never directly.
-- latency and first_token count calls per bucket of microseconds x = intDiv(ns, 1000), in integers, four buckets to a
-- doubling: b = x for x < 4, else 4·(e−1) + (bits e−1 and e−2 of x) with e = floor(log2 x). Bucket b starts at
-- b µs for b < 4, else (4 + b % 4)·2^(b div 4 − 1) µs, and ends where b + 1 starts. In SQL the start of a bucket is
-- if(b < 4, toUInt64(b), bitShiftLeft(toUInt64(4 + b % 4), intDiv(b, 4) - 1)).

CREATE TABLE IF NOT EXISTS tollkeeper.cost_minute
(
    window           DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    n                UInt64 CODEC(ZSTD(1)),
    worker           UInt64 CODEC(ZSTD(1)),
    tenant           LowCardinality(String),
    provider         LowCardinality(String),
    model            LowCardinality(String),
    operation        LowCardinality(String),
    service          LowCardinality(String),
    environment      LowCardinality(String),
    region           LowCardinality(String),
    calls            UInt64 CODEC(T64, ZSTD(1)),
    errors           UInt64 CODEC(T64, ZSTD(1)),
    rate_limited     UInt64 CODEC(T64, ZSTD(1)),
    errors_by_class  Map(LowCardinality(String), UInt64),
    unpriced_calls   UInt64 CODEC(T64, ZSTD(1)),
    flagged_calls    UInt64 CODEC(T64, ZSTD(1)),
    estimated_calls  UInt64 CODEC(T64, ZSTD(1)),
    provided_calls   UInt64 CODEC(T64, ZSTD(1)),
    reserved_calls   UInt64 CODEC(T64, ZSTD(1)),
    streamed_calls   UInt64 CODEC(T64, ZSTD(1)),
    fresh_input      UInt64 CODEC(T64, ZSTD(1)),
    cache_read       UInt64 CODEC(T64, ZSTD(1)),
    cache_write_5m   UInt64 CODEC(T64, ZSTD(1)),
    cache_write_1h   UInt64 CODEC(T64, ZSTD(1)),
    audio_input      UInt64 CODEC(T64, ZSTD(1)),
    image_input      UInt64 CODEC(T64, ZSTD(1)),
    text_output      UInt64 CODEC(T64, ZSTD(1)),
    reasoning        UInt64 CODEC(T64, ZSTD(1)),
    audio_output     UInt64 CODEC(T64, ZSTD(1)),
    reserved_tokens  UInt64 CODEC(T64, ZSTD(1)),
    units            Map(LowCardinality(String), UInt64),
    cost             Decimal(38, 12) CODEC(ZSTD(1)),
    cost_input       Decimal(38, 12) CODEC(ZSTD(1)),
    cost_cache_read  Decimal(38, 12) CODEC(ZSTD(1)),
    cost_cache_write Decimal(38, 12) CODEC(ZSTD(1)),
    cost_output      Decimal(38, 12) CODEC(ZSTD(1)),
    cost_reasoning   Decimal(38, 12) CODEC(ZSTD(1)),
    cost_other       Decimal(38, 12) CODEC(ZSTD(1)),
    list_cost        Decimal(38, 12) CODEC(ZSTD(1)),
    cache_saved      Decimal(38, 12) CODEC(ZSTD(1)),
    tier_saved       Decimal(38, 12) CODEC(ZSTD(1)),
    request_bytes    UInt64 CODEC(T64, ZSTD(1)),
    response_bytes   UInt64 CODEC(T64, ZSTD(1)),
    latency          Map(UInt8, UInt64),
    first_token      Map(UInt8, UInt64)
)
ENGINE = MergeTree
PARTITION BY toDate(window)
ORDER BY (window, n, worker, tenant, provider, model, operation, service, environment, region)
TTL window + INTERVAL 90 DAY DELETE
SETTINGS storage_policy = 'tiered', materialize_ttl_recalculate_only = 1, ttl_only_drop_parts = 1, fsync_after_insert = 1,
    fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS tollkeeper.cost_hour
(
    window           DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    n                UInt64 CODEC(ZSTD(1)),
    worker           UInt64 CODEC(ZSTD(1)),
    tenant           LowCardinality(String),
    provider         LowCardinality(String),
    model            LowCardinality(String),
    operation        LowCardinality(String),
    service          LowCardinality(String),
    environment      LowCardinality(String),
    region           LowCardinality(String),
    calls            UInt64 CODEC(T64, ZSTD(1)),
    errors           UInt64 CODEC(T64, ZSTD(1)),
    rate_limited     UInt64 CODEC(T64, ZSTD(1)),
    errors_by_class  Map(LowCardinality(String), UInt64),
    unpriced_calls   UInt64 CODEC(T64, ZSTD(1)),
    flagged_calls    UInt64 CODEC(T64, ZSTD(1)),
    estimated_calls  UInt64 CODEC(T64, ZSTD(1)),
    provided_calls   UInt64 CODEC(T64, ZSTD(1)),
    reserved_calls   UInt64 CODEC(T64, ZSTD(1)),
    streamed_calls   UInt64 CODEC(T64, ZSTD(1)),
    fresh_input      UInt64 CODEC(T64, ZSTD(1)),
    cache_read       UInt64 CODEC(T64, ZSTD(1)),
    cache_write_5m   UInt64 CODEC(T64, ZSTD(1)),
    cache_write_1h   UInt64 CODEC(T64, ZSTD(1)),
    audio_input      UInt64 CODEC(T64, ZSTD(1)),
    image_input      UInt64 CODEC(T64, ZSTD(1)),
    text_output      UInt64 CODEC(T64, ZSTD(1)),
    reasoning        UInt64 CODEC(T64, ZSTD(1)),
    audio_output     UInt64 CODEC(T64, ZSTD(1)),
    reserved_tokens  UInt64 CODEC(T64, ZSTD(1)),
    units            Map(LowCardinality(String), UInt64),
    cost             Decimal(38, 12) CODEC(ZSTD(1)),
    cost_input       Decimal(38, 12) CODEC(ZSTD(1)),
    cost_cache_read  Decimal(38, 12) CODEC(ZSTD(1)),
    cost_cache_write Decimal(38, 12) CODEC(ZSTD(1)),
    cost_output      Decimal(38, 12) CODEC(ZSTD(1)),
    cost_reasoning   Decimal(38, 12) CODEC(ZSTD(1)),
    cost_other       Decimal(38, 12) CODEC(ZSTD(1)),
    list_cost        Decimal(38, 12) CODEC(ZSTD(1)),
    cache_saved      Decimal(38, 12) CODEC(ZSTD(1)),
    tier_saved       Decimal(38, 12) CODEC(ZSTD(1)),
    request_bytes    UInt64 CODEC(T64, ZSTD(1)),
    response_bytes   UInt64 CODEC(T64, ZSTD(1)),
    latency          Map(UInt8, UInt64),
    first_token      Map(UInt8, UInt64)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(window)
ORDER BY (window, n, worker, tenant, provider, model, operation, service, environment, region)
TTL window + INTERVAL 1100 DAY DELETE
SETTINGS storage_policy = 'tiered', materialize_ttl_recalculate_only = 1, fsync_after_insert = 1,
    fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS tollkeeper.cost_day
(
    window           DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    n                UInt64 CODEC(ZSTD(1)),
    worker           UInt64 CODEC(ZSTD(1)),
    tenant           LowCardinality(String),
    provider         LowCardinality(String),
    model            LowCardinality(String),
    operation        LowCardinality(String),
    service          LowCardinality(String),
    environment      LowCardinality(String),
    region           LowCardinality(String),
    calls            UInt64 CODEC(T64, ZSTD(1)),
    errors           UInt64 CODEC(T64, ZSTD(1)),
    rate_limited     UInt64 CODEC(T64, ZSTD(1)),
    errors_by_class  Map(LowCardinality(String), UInt64),
    unpriced_calls   UInt64 CODEC(T64, ZSTD(1)),
    flagged_calls    UInt64 CODEC(T64, ZSTD(1)),
    estimated_calls  UInt64 CODEC(T64, ZSTD(1)),
    provided_calls   UInt64 CODEC(T64, ZSTD(1)),
    reserved_calls   UInt64 CODEC(T64, ZSTD(1)),
    streamed_calls   UInt64 CODEC(T64, ZSTD(1)),
    fresh_input      UInt64 CODEC(T64, ZSTD(1)),
    cache_read       UInt64 CODEC(T64, ZSTD(1)),
    cache_write_5m   UInt64 CODEC(T64, ZSTD(1)),
    cache_write_1h   UInt64 CODEC(T64, ZSTD(1)),
    audio_input      UInt64 CODEC(T64, ZSTD(1)),
    image_input      UInt64 CODEC(T64, ZSTD(1)),
    text_output      UInt64 CODEC(T64, ZSTD(1)),
    reasoning        UInt64 CODEC(T64, ZSTD(1)),
    audio_output     UInt64 CODEC(T64, ZSTD(1)),
    reserved_tokens  UInt64 CODEC(T64, ZSTD(1)),
    units            Map(LowCardinality(String), UInt64),
    cost             Decimal(38, 12) CODEC(ZSTD(1)),
    cost_input       Decimal(38, 12) CODEC(ZSTD(1)),
    cost_cache_read  Decimal(38, 12) CODEC(ZSTD(1)),
    cost_cache_write Decimal(38, 12) CODEC(ZSTD(1)),
    cost_output      Decimal(38, 12) CODEC(ZSTD(1)),
    cost_reasoning   Decimal(38, 12) CODEC(ZSTD(1)),
    cost_other       Decimal(38, 12) CODEC(ZSTD(1)),
    list_cost        Decimal(38, 12) CODEC(ZSTD(1)),
    cache_saved      Decimal(38, 12) CODEC(ZSTD(1)),
    tier_saved       Decimal(38, 12) CODEC(ZSTD(1)),
    request_bytes    UInt64 CODEC(T64, ZSTD(1)),
    response_bytes   UInt64 CODEC(T64, ZSTD(1)),
    latency          Map(UInt8, UInt64),
    first_token      Map(UInt8, UInt64)
)
ENGINE = MergeTree
PARTITION BY toYear(window)
ORDER BY (window, n, worker, tenant, provider, model, operation, service, environment, region)

SETTINGS storage_policy = 'tiered', materialize_ttl_recalculate_only = 1, fsync_after_insert = 1,
    fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;


CREATE TABLE IF NOT EXISTS tollkeeper.cost_hour_by
(
    window    DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    n         UInt64 CODEC(ZSTD(1)),
    worker    UInt64 CODEC(ZSTD(1)),
    tenant    LowCardinality(String),
    dimension LowCardinality(String),
    value     String CODEC(ZSTD(1)),
    calls     UInt64 CODEC(T64, ZSTD(1)),
    errors    UInt64 CODEC(T64, ZSTD(1)),
    input     UInt64 CODEC(T64, ZSTD(1)),
    output    UInt64 CODEC(T64, ZSTD(1)),
    cost      Decimal(38, 12) CODEC(ZSTD(1)),
    unpriced_calls UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(window)
ORDER BY (window, tenant, dimension, n, worker, value)
TTL window + INTERVAL 90 DAY DELETE
SETTINGS storage_policy = 'tiered', materialize_ttl_recalculate_only = 1, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS tollkeeper.cost_day_by
(
    window    DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    n         UInt64 CODEC(ZSTD(1)),
    worker    UInt64 CODEC(ZSTD(1)),
    tenant    LowCardinality(String),
    dimension LowCardinality(String),
    value     String CODEC(ZSTD(1)),
    calls     UInt64 CODEC(T64, ZSTD(1)),
    errors    UInt64 CODEC(T64, ZSTD(1)),
    input     UInt64 CODEC(T64, ZSTD(1)),
    output    UInt64 CODEC(T64, ZSTD(1)),
    cost      Decimal(38, 12) CODEC(ZSTD(1)),
    unpriced_calls UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(window)
ORDER BY (window, tenant, dimension, n, worker, value)
TTL window + INTERVAL 1100 DAY DELETE
SETTINGS storage_policy = 'tiered', materialize_ttl_recalculate_only = 1, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS tollkeeper.ingest_ranges
(
    topic     LowCardinality(String),
    topic_id  UUID,
    partition Int32,
    kind      Enum8('range' = 0, 'gap' = 1, 'checkpoint' = 2, 'epoch' = 3),
    first     Int64,
    next      Int64,
    rows      UInt64,
    cost      Decimal(38, 12),
    last_hash UInt64,
    reason    String,
    at        DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (topic, topic_id, partition, first, next, at)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- Up to which time the ledger is known to be complete, per partition of a topic: every record that Kafka had acknowledged
-- before complete_to is stored. Ingest writes it every few seconds, traffic or not; a partition that has never been
-- complete has a row of 1970.
CREATE TABLE IF NOT EXISTS tollkeeper.ingest_freshness
(
    topic       LowCardinality(String),
    partition   Int32,
    complete_to DateTime64(3, 'UTC'),
    at          DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(at) ORDER BY (topic, partition)
SETTINGS storage_policy = 'tiered';

CREATE TABLE IF NOT EXISTS tollkeeper.periods
(
    month   Date,
    state   Enum8('open' = 0, 'closed' = 1, 'reopened' = 2),
    author  String,
    reason  String,
    cost    Decimal(38, 12),
    calls   UInt64,
    evidence String,
    at      DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY (month, at)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS tollkeeper.rerate_runs
(
    id     UUID,
    step   LowCardinality(String),
    range_from DateTime('UTC'),
    range_to   DateTime('UTC'),
    tenant String,
    model  String,
    price_version String,
    author String,
    reason String,
    done_to DateTime('UTC'),
    calls  UInt64,
    before Decimal(38, 12),
    after  Decimal(38, 12),
    at     DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY (id, at)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS tollkeeper.adjustments
(
    id       UUID,
    booked   Date,
    original Date,
    tenant   LowCardinality(String),
    provider LowCardinality(String),
    model    LowCardinality(String),
    kind     LowCardinality(String),
    cost     Decimal(38, 12),
    calls    Int64,
    author   String,
    reason   String,
    evidence String,
    at       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree ORDER BY (booked, tenant, id)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS tollkeeper.price_book
(
    version  String,
    entry    String,
    provider LowCardinality(String),
    model    String,
    effective DateTime('UTC'),
    body     String,
    source   String,
    checked  Date,
    at       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(at) ORDER BY (version, entry)
SETTINGS storage_policy = 'tiered';

CREATE TABLE IF NOT EXISTS tollkeeper.budgets
(
    name    String,
    tenant  LowCardinality(String),
    scope   Map(LowCardinality(String), String),
    period  Enum8('hour' = 0, 'day' = 1, 'week' = 2, 'month' = 3),
    amount  Decimal(38, 12),
    thresholds Array(Decimal(9, 4)),
    throttle UInt8,
    removed UInt8,
    author  String,
    reason  String,
    at      DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY (name, at)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS tollkeeper.tenants
(
    tenant      String,
    parent      String,
    cost_centre String,
    owner       String,
    time_zone   String,
    attributes  Map(LowCardinality(String), String),
    valid_from  DateTime('UTC'),
    removed     UInt8,
    author      String,
    at          DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY (tenant, valid_from, at)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS tollkeeper.alert_events
(
    episode   UUID,
    sequence  UInt32,
    rule      LowCardinality(String),
    kind      LowCardinality(String),
    tenant    LowCardinality(String),
    subject   Map(LowCardinality(String), String),
    state     Enum8('pending' = 0, 'firing' = 1, 'resolved' = 2, 'no_data' = 3),
    severity  LowCardinality(String),
    value     Decimal(38, 12),
    threshold Decimal(38, 12),
    summary   String,
    detail    String,
    crossed   DateTime64(3, 'UTC'),
    at        DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree ORDER BY (tenant, episode, sequence)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS tollkeeper.throttle_events
(
    tenant    LowCardinality(String),
    sequence  UInt64,
    step      LowCardinality(String),
    level     LowCardinality(String),
    gateway   LowCardinality(String),
    episode   UUID,
    rule      LowCardinality(String),
    limits    Map(LowCardinality(String), Decimal(38, 12)),
    dry_run   UInt8,
    author    String,
    reason    String,
    answer    String,
    issued    DateTime64(3, 'UTC'),
    expires   DateTime64(3, 'UTC'),
    at        DateTime64(3, 'UTC')
)
ENGINE = MergeTree ORDER BY (tenant, sequence, at)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;
-- 0002_views
-- One row per call: the only way rollups, dashboards, exports and re-rate read calls (DESIGN D4). The window is a
-- parameter, so that FINAL prunes partitions and the settlements of other windows are never read.
CREATE OR REPLACE VIEW tollkeeper.calls AS
SELECT
    *,
    cost_input + cost_cache_read + cost_cache_write + cost_output + cost_reasoning + cost_other AS cost
FROM tollkeeper.call_reports FINAL
WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
  AND (minute, tenant, trace_id, span_id) NOT IN
  (
      SELECT minute, tenant, trace_id, span_id
      FROM tollkeeper.settlements FINAL
      WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND loses = 1
  );

-- Budgets as they stand: the newest row per name.
CREATE OR REPLACE VIEW tollkeeper.budgets_now AS
SELECT * FROM tollkeeper.budgets WHERE (name, at) IN (SELECT name, max(at) FROM tollkeeper.budgets GROUP BY name)
  AND removed = 0;


-- The newest committed revision of every minute in [from, to), the window predicate inside the sub-query too.
CREATE OR REPLACE VIEW tollkeeper.spend_minute AS
SELECT * EXCEPT (n, worker)
FROM tollkeeper.cost_minute
WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
  AND (window, n, worker) IN
  (
      SELECT window, (max((n, worker)) AS newest).1, newest.2
      FROM tollkeeper.window_revisions
      WHERE level = 'minute' AND committed = 1
        AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
      GROUP BY window
  );

-- The newest committed revision of every hour in [from, to), the window predicate inside the sub-query too.
CREATE OR REPLACE VIEW tollkeeper.spend_hour AS
SELECT * EXCEPT (n, worker)
FROM tollkeeper.cost_hour
WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
  AND (window, n, worker) IN
  (
      SELECT window, (max((n, worker)) AS newest).1, newest.2
      FROM tollkeeper.window_revisions
      WHERE level = 'hour' AND committed = 1
        AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
      GROUP BY window
  );

-- The newest committed revision of every day in [from, to), the window predicate inside the sub-query too.
CREATE OR REPLACE VIEW tollkeeper.spend_day AS
SELECT * EXCEPT (n, worker)
FROM tollkeeper.cost_day
WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
  AND (window, n, worker) IN
  (
      SELECT window, (max((n, worker)) AS newest).1, newest.2
      FROM tollkeeper.window_revisions
      WHERE level = 'day' AND committed = 1
        AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
      GROUP BY window
  );


-- Spend of [from, to) from as few rows as are right: days that are settled and lie wholly inside, else such hours, else
-- minutes. A day or hour with a pending mark is taken apart, so open minutes are as fresh as their own rollup, and nothing
-- counts twice: days and hours are scalars, evaluated once per query. window is the start of a day, an hour or a minute:
-- group by anything but time. When no marks are pending the totals equal those of calls(from, to).
CREATE OR REPLACE VIEW tollkeeper.spend AS
WITH
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM tollkeeper.window_revisions
            WHERE level = 'day' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 DAY <= {to:DateTime('UTC')}
              AND window NOT IN
              (
                  SELECT toStartOfDay(window)
                  FROM tollkeeper.dirty_windows FINAL
                  WHERE level IN ('hour', 'day') AND done = 0
                    AND window >= toStartOfDay({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS days,
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM tollkeeper.window_revisions
            WHERE level = 'hour' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 HOUR <= {to:DateTime('UTC')}
              AND window NOT IN
              (
                  SELECT window
                  FROM tollkeeper.dirty_windows FINAL
                  WHERE level = 'hour' AND done = 0
                    AND window >= toStartOfHour({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS hours
SELECT *
FROM
(
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_day
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'day' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_hour
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'hour' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(hours)) AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_minute
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'minute' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND toStartOfHour(window) NOT IN (SELECT arrayJoin(hours)) AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
);
-- 0003_settlement
-- What a settlement is decided by, beside what the table has already, so that it never has to look into call_reports.
ALTER TABLE tollkeeper.settle_candidates
    ADD COLUMN IF NOT EXISTS start DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    ADD COLUMN IF NOT EXISTS duration_ns UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS operation LowCardinality(String),
    ADD COLUMN IF NOT EXISTS input UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS output UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS authenticated UInt8;
-- 0004_dimensions
-- Spend by dimension (DESIGN D13): two more sizes of window, and a column that tells the sum of what was cut off from a
-- value that happens to have the same name.
ALTER TABLE tollkeeper.dirty_windows
    MODIFY COLUMN level Enum8('minute' = 0, 'hour' = 1, 'day' = 2, 'hour_by' = 3, 'day_by' = 4);

ALTER TABLE tollkeeper.window_revisions
    MODIFY COLUMN level Enum8('minute' = 0, 'hour' = 1, 'day' = 2, 'hour_by' = 3, 'day_by' = 4);

ALTER TABLE tollkeeper.cost_hour_by ADD COLUMN IF NOT EXISTS cut UInt64 CODEC(ZSTD(1));

ALTER TABLE tollkeeper.cost_day_by ADD COLUMN IF NOT EXISTS cut UInt64 CODEC(ZSTD(1));

-- The newest committed revision of every hour in [from, to). A row with cut > 0 is the sum of that many values beyond
-- the first thousand by cost.
CREATE OR REPLACE VIEW tollkeeper.spend_hour_by AS
SELECT * EXCEPT (n, worker)
FROM tollkeeper.cost_hour_by
WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
  AND (window, n, worker) IN
  (
      SELECT window, (max((n, worker)) AS newest).1, newest.2
      FROM tollkeeper.window_revisions
      WHERE level = 'hour_by' AND committed = 1
        AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
      GROUP BY window
  );

-- The newest committed revision of every day in [from, to). A row with cut > 0 is the sum of that many values beyond
-- the first thousand by cost.
CREATE OR REPLACE VIEW tollkeeper.spend_day_by AS
SELECT * EXCEPT (n, worker)
FROM tollkeeper.cost_day_by
WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
  AND (window, n, worker) IN
  (
      SELECT window, (max((n, worker)) AS newest).1, newest.2
      FROM tollkeeper.window_revisions
      WHERE level = 'day_by' AND committed = 1
        AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
      GROUP BY window
  );

-- Spend of the hours that start in [from, to), by tenant, dimension and value: days that are settled and lie wholly
-- inside, else hours. Every call is in every dimension once, under the empty value where it has none, so each
-- dimension adds up to the tenant's spend.
CREATE OR REPLACE VIEW tollkeeper.spend_by AS
WITH
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM tollkeeper.window_revisions
            WHERE level = 'day_by' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 DAY <= {to:DateTime('UTC')}
              AND window NOT IN
              (
                  SELECT toStartOfDay(window)
                  FROM tollkeeper.dirty_windows FINAL
                  WHERE level IN ('hour_by', 'day_by') AND done = 0
                    AND window >= toStartOfDay({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS days
SELECT *
FROM
(
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_day_by
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'day_by' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_hour_by
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'hour_by' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
);

-- How the jobs of the rollup role go, a row per job and process, written by the process itself every few seconds: a job
-- that hangs shows as running since long ago, a process that died as a row that is old.
CREATE TABLE IF NOT EXISTS tollkeeper.job_runs
(
    job          LowCardinality(String),
    process      String,
    running_since Nullable(DateTime64(3, 'UTC')),
    last_run     Nullable(DateTime64(3, 'UTC')),
    last_success Nullable(DateTime64(3, 'UTC')),
    duration_ms  UInt64,
    runs         UInt64,
    failures     UInt64,
    failing      UInt64,
    backlog      UInt64,
    error        String,
    next_run     Nullable(DateTime64(3, 'UTC')),
    at           DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(at) ORDER BY (job, process)
TTL toDateTime(at) + INTERVAL 7 DAY DELETE
SETTINGS storage_policy = 'tiered';
-- 0005_periods
-- Closing, adjustments and re-rates (docs/adr/0006-closing.md). Adjustments of an hour are written whole, like a window's
-- totals: a row that the books made counts only if its (window, n, worker) is the newest committed one of adjust_revisions.
-- Rows by hand have n = 0. Read through the view adjustments_now.
CREATE TABLE IF NOT EXISTS tollkeeper.adjust_marks
(
    window DateTime('UTC'),
    id     UUID,
    done   UInt8,
    at     DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(done)
ORDER BY (window, id)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS tollkeeper.adjust_revisions
(
    window    DateTime('UTC'),
    n         UInt64,
    worker    UInt64,
    committed UInt8,
    rows      UInt64,
    at        DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (window, n, worker, committed)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

ALTER TABLE tollkeeper.adjustments
    ADD COLUMN IF NOT EXISTS window DateTime('UTC'),
    ADD COLUMN IF NOT EXISTS n UInt64,
    ADD COLUMN IF NOT EXISTS worker UInt64;

-- Months as they stand. A month without a row is open.
CREATE OR REPLACE VIEW tollkeeper.periods_now AS
SELECT p.month AS month, argMax(p.state, (p.at, p.state)) AS state, argMax(p.author, (p.at, p.state)) AS author,
    argMax(p.reason, (p.at, p.state)) AS reason, argMax(p.cost, (p.at, p.state)) AS cost, argMax(p.calls, (p.at, p.state)) AS calls,
    argMax(p.evidence, (p.at, p.state)) AS evidence, max(p.at) AS since
FROM tollkeeper.periods AS p
GROUP BY p.month;

-- Adjustments that count, a row each, with an id that stays the same as long as the hour, the key and the month it is
-- booked in do.
CREATE OR REPLACE VIEW tollkeeper.adjustments_now AS
SELECT
    if(n = 0, id, reinterpretAsUUID(sipHash128(window, tenant, provider, model, booked))) AS id,
    booked, original, tenant, provider, model, kind, cost, calls, author, reason, evidence, at, window
FROM tollkeeper.adjustments FINAL
WHERE n = 0 OR (window, n, worker) IN
(
    SELECT window, (max((n, worker)) AS newest).1, newest.2
    FROM tollkeeper.adjust_revisions
    WHERE committed = 1
    GROUP BY window
);

-- What is booked in the months of [from, to), which are whole months: what its days came to (a closed month's days are
-- frozen), and the adjustments booked in it. part tells the two apart.
CREATE OR REPLACE VIEW tollkeeper.booked_spend AS
SELECT 'spend' AS part, toStartOfMonth(window) AS booked, toDate(window) AS original, toString(tenant) AS tenant, toString(provider) AS provider,
    toString(model) AS model, '' AS kind, toInt64(sum(s.calls)) AS calls, sum(s.cost) AS cost, sum(s.unpriced_calls) AS unpriced_calls
FROM tollkeeper.spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS s
GROUP BY booked, original, tenant, provider, model
UNION ALL
SELECT 'adjustment' AS part, a.booked AS booked, a.original AS original, toString(a.tenant) AS tenant, toString(a.provider) AS provider,
    toString(a.model) AS model, toString(a.kind) AS kind, sum(a.calls) AS calls, sum(a.cost) AS cost, toUInt64(0) AS unpriced_calls
FROM tollkeeper.adjustments_now AS a
WHERE a.booked >= toDate({from:DateTime('UTC')}) AND a.booked < toDate({to:DateTime('UTC')})
GROUP BY booked, original, tenant, provider, model, kind;

-- New amounts of a re-rate, until the reports are written; then what the run changed, by hour and key.
CREATE TABLE IF NOT EXISTS tollkeeper.rerate_rows
(
    run              UUID,
    minute           DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    tenant           LowCardinality(String),
    trace_id         FixedString(16),
    span_id          FixedString(8),
    version          UInt64,
    rule             String,
    usage            Array(UInt64),
    cost             Array(Decimal(18, 12)),
    list_delta       Decimal(18, 12),
    cache_saved      Decimal(18, 12),
    tier_saved       Decimal(18, 12),
    price_version    String,
    price_entry      String,
    unpriced         String,
    flags            UInt32
)
ENGINE = ReplacingMergeTree
PARTITION BY run
ORDER BY (run, minute, tenant, trace_id, span_id)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS tollkeeper.rerate_changes
(
    run      UUID,
    hour     DateTime('UTC'),
    tenant   LowCardinality(String),
    provider LowCardinality(String),
    model    LowCardinality(String),
    calls    UInt64,
    changed  UInt64,
    unpriced UInt64,
    before   Decimal(38, 12),
    after    Decimal(38, 12),
    at       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (run, hour, tenant, provider, model)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;

ALTER TABLE tollkeeper.rerate_runs
    ADD COLUMN IF NOT EXISTS number UInt16,
    ADD COLUMN IF NOT EXISTS reread UInt8;

-- Evidence that a day's totals equalled its calls when its rows were about to expire.
CREATE TABLE IF NOT EXISTS tollkeeper.sealed_days
(
    day        Date,
    calls      UInt64,
    cost       Decimal(38, 12),
    adjusted   Decimal(38, 12),
    difference Decimal(38, 12),
    hash       UInt64,
    at         DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree ORDER BY day
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;
-- 0006_frozen_spend
-- As in 0002, but what is pending in a closed month doesn't take its days and hours apart: they are frozen, and what came
-- later is an adjustment.
-- Spend of [from, to) from as few rows as are right: days that are settled and lie wholly inside, else such hours, else
-- minutes. A day or hour with a pending mark is taken apart, so open minutes are as fresh as their own rollup, and nothing
-- counts twice: days and hours are scalars, evaluated once per query. window is the start of a day, an hour or a minute:
-- group by anything but time. When no marks are pending the totals equal those of calls(from, to).
CREATE OR REPLACE VIEW tollkeeper.spend AS
WITH
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM tollkeeper.window_revisions
            WHERE level = 'day' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 DAY <= {to:DateTime('UTC')}
              AND window NOT IN
              (
                  SELECT toStartOfDay(window)
                  FROM tollkeeper.dirty_windows FINAL
                  WHERE level IN ('hour', 'day') AND done = 0
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM tollkeeper.periods_now WHERE state = 'closed')
                    AND window >= toStartOfDay({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS days,
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM tollkeeper.window_revisions
            WHERE level = 'hour' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 HOUR <= {to:DateTime('UTC')}
              AND window NOT IN
              (
                  SELECT window
                  FROM tollkeeper.dirty_windows FINAL
                  WHERE level = 'hour' AND done = 0
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM tollkeeper.periods_now WHERE state = 'closed')
                    AND window >= toStartOfHour({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS hours
SELECT *
FROM
(
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_day
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'day' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_hour
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'hour' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(hours)) AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_minute
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'minute' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND toStartOfHour(window) NOT IN (SELECT arrayJoin(hours)) AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
);
-- 0007_aggregates
-- Aggregates (agent spans that repeat or hold the usage of their calls) are reports now. None is a call: what its calls don't
-- explain is a report of its own, an unseen leaf, that settlement writes (DESIGN D4).
CREATE OR REPLACE VIEW tollkeeper.calls AS
SELECT
    *,
    cost_input + cost_cache_read + cost_cache_write + cost_output + cost_reasoning + cost_other AS cost
FROM tollkeeper.call_reports FINAL
WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
  AND role != 'aggregate'
  AND (minute, tenant, trace_id, span_id) NOT IN
  (
      SELECT minute, tenant, trace_id, span_id
      FROM tollkeeper.settlements FINAL
      WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND loses = 1
  );
-- 0008_rerates
-- Re-rates (docs/adr/0007-rerate.md). The intent of a run, hour by hour: new amounts of reports, written before any report is.
-- base is the version that was read: what came meanwhile is left alone. Nobody wrote to what it replaces.
DROP TABLE IF EXISTS tollkeeper.rerate_rows;

CREATE TABLE IF NOT EXISTS tollkeeper.rerate_reports
(
    run           UUID,
    minute        DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    tenant        LowCardinality(String),
    trace_id      FixedString(16),
    span_id       FixedString(8),
    base          UInt64,
    version       UInt64,
    usage         Array(UInt64),
    cost          Array(String),
    list_delta    String,
    cache_saved   String,
    tier_saved    String,
    price_version LowCardinality(String),
    price_entry   LowCardinality(String),
    unpriced      LowCardinality(String),
    flags         UInt32
)
ENGINE = ReplacingMergeTree
PARTITION BY run
ORDER BY (run, minute, tenant, trace_id, span_id)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;

-- done_to is the hour of steps that are about one. rules is the version of the emitter rules of a run that reads counts again.
ALTER TABLE tollkeeper.rerate_runs
    ADD COLUMN IF NOT EXISTS every UInt8, -- tenant: without it only the one of that name
    ADD COLUMN IF NOT EXISTS rules String,
    ADD COLUMN IF NOT EXISTS hours UInt32;

-- Which price books had made the amounts before.
ALTER TABLE tollkeeper.rerate_changes
    ADD COLUMN IF NOT EXISTS books Array(String);

ALTER TABLE tollkeeper.adjustments
    ADD COLUMN IF NOT EXISTS run UUID;

-- The re-rate's share of an hour's adjustments has rows of its own, one per run.
CREATE OR REPLACE VIEW tollkeeper.adjustments_now AS
SELECT
    multiIf(n = 0, id, run = toUUID('00000000-0000-0000-0000-000000000000'), reinterpretAsUUID(sipHash128(window, tenant, provider, model, booked)),
        reinterpretAsUUID(sipHash128(window, tenant, provider, model, booked, run))) AS id,
    booked, original, tenant, provider, model, kind, cost, calls, author, reason, evidence, at, window
FROM tollkeeper.adjustments FINAL
WHERE n = 0 OR (window, n, worker) IN
(
    SELECT window, (max((n, worker)) AS newest).1, newest.2
    FROM tollkeeper.adjust_revisions
    WHERE committed = 1
    GROUP BY window
);

-- Since when a month that is closed has been closed.
CREATE OR REPLACE VIEW tollkeeper.closings AS
SELECT p.month AS month, toUnixTimestamp64Milli(min(p.at)) AS closed_ms
FROM tollkeeper.periods AS p
LEFT JOIN
(
    SELECT month, max(at) AS at_ FROM tollkeeper.periods WHERE state != 'closed' GROUP BY month
) AS o ON p.month = o.month
WHERE p.state = 'closed' AND toUnixTimestamp64Milli(p.at) > toUnixTimestamp64Milli(o.at_)
GROUP BY p.month;

-- Re-rates, a row each, as they stand: started, finished or abandoned.
CREATE OR REPLACE VIEW tollkeeper.rerates AS
SELECT id, max(r.number) AS number, multiIf(has(groupArray(r.step), 'withdrawn'), 'withdrawn', has(groupArray(r.step), 'finished'), 'finished',
        has(groupArray(r.step), 'abandoned'), 'abandoned', 'started') AS state,
    anyIf(r.range_from, r.step = 'started') AS range_from, anyIf(r.range_to, r.step = 'started') AS range_to, anyIf(r.every, r.step = 'started') AS every, anyIf(r.tenant, r.step = 'started') AS tenant, anyIf(r.model, r.step = 'started') AS model,
    anyIf(r.price_version, r.step = 'started') AS price_version, anyIf(r.rules, r.step = 'started') AS rules, anyIf(r.reread, r.step = 'started') AS reread,
    anyIf(r.author, r.step = 'started') AS author, anyIf(r.reason, r.step = 'started') AS reason, minIf(r.at, r.step = 'started') AS started,
    max(r.at) AS last, uniqExactIf(r.done_to, r.step = 'written') AS hours, anyIf(r.hours, r.step = 'started') AS all_hours
FROM tollkeeper.rerate_runs AS r
GROUP BY r.id AS id;

-- What re-rates changed in the hours of [from, to). included says whether the totals of the hour hold it: those of a month that
-- was closed before don't, and the change is an adjustment.
CREATE OR REPLACE VIEW tollkeeper.rerated AS
SELECT c.run AS run, c.hour AS hour, toString(c.tenant) AS tenant, toString(c.provider) AS provider, toString(c.model) AS model, c.calls AS calls, c.changed AS changed,
    c.unpriced AS unpriced, c.before AS before, c.after AS after, c.books AS books, c.at AS at,
    closed_ms = 0 OR toUnixTimestamp64Milli(c.at) < closed_ms AS included
FROM
(
    SELECT * FROM tollkeeper.rerate_changes FINAL
    WHERE hour >= {from:DateTime('UTC')} AND hour < {to:DateTime('UTC')}
      AND (run, hour) IN (SELECT id, done_to FROM tollkeeper.rerate_runs WHERE step = 'prepared')
) AS c
LEFT JOIN tollkeeper.closings AS k ON toStartOfMonth(c.hour) = k.month;
-- 0010_tenant_directory
-- The tenant directory (docs/adr/0012-who-is-the-tenant.md): a change holds from the beginning of a day of UTC on, until the
-- tenant's next one. Changes are added, never changed.
ALTER TABLE tollkeeper.tenants
    ADD COLUMN IF NOT EXISTS display_name String,
    ADD COLUMN IF NOT EXISTS reason String;

-- What the directory says of each tenant from each day on: of several changes for one day the last one made. A tenant that
-- was removed has a row without a parent, cost centre or owner. Join it with ASOF JOIN on tenant and window >= since.
CREATE OR REPLACE VIEW tollkeeper.tenants_dated AS
SELECT
    tenant, since, said.1 AS removed, if(removed, '', said.2) AS display_name, if(removed, '', said.3) AS parent,
    if(removed, '', said.4) AS cost_centre, if(removed, '', said.5) AS owner, if(removed, '', said.6) AS time_zone,
    if(removed, map(), said.7) AS attributes
FROM
(
    SELECT
        t.tenant AS tenant, toStartOfDay(t.valid_from) AS since,
        argMax((t.removed, t.display_name, t.parent, t.cost_centre, t.owner, t.time_zone, t.attributes),
            (t.at, t.valid_from, cityHash64(t.removed, t.display_name, t.parent, t.cost_centre, t.owner, t.time_zone, t.attributes))) AS said
    FROM tollkeeper.tenants AS t
    GROUP BY tenant, since
);

-- The directory as it stands at a time.
CREATE OR REPLACE VIEW tollkeeper.tenants_at AS
SELECT tenant, display_name, parent, cost_centre, owner, time_zone, attributes, since
FROM tollkeeper.tenants_dated
WHERE removed = 0 AND (tenant, since) IN
(
    SELECT tenant, max(since)
    FROM tollkeeper.tenants_dated
    WHERE since <= {at:DateTime('UTC')}
    GROUP BY tenant
);
-- 0011_alerting
-- Budgets as the rules read them (docs/adr/0019-budgets-in-the-database.md): body is the whole rule as YAML, the other columns
-- are what reports and dashboards read of it. A version is never changed, a new one takes its place.
ALTER TABLE tollkeeper.budgets
    ADD COLUMN IF NOT EXISTS time_zone String,
    ADD COLUMN IF NOT EXISTS body String;

CREATE OR REPLACE VIEW tollkeeper.budgets_now AS
SELECT * FROM tollkeeper.budgets WHERE (name, at) IN (SELECT name, max(at) FROM tollkeeper.budgets GROUP BY name)
  AND removed = 0;

-- Maintenance windows that people set while the role runs: no episode begins in them. The newest row per id counts.
CREATE TABLE IF NOT EXISTS tollkeeper.alert_windows
(
    id      UUID,
    begins  DateTime64(3, 'UTC'),
    ends    DateTime64(3, 'UTC'),
    tenants Array(String),
    rules   Array(String),
    removed UInt8,
    author  String,
    reason  String,
    at      DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY (id, at)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;

-- Notifications that a receiver won't get by itself any more; the event itself is in alert_events. The newest row per event
-- and receiver counts.
CREATE TABLE IF NOT EXISTS tollkeeper.alert_dead_letters
(
    episode  UUID,
    sequence UInt32,
    receiver String,
    outcome  LowCardinality(String),
    reason   String,
    sent     UInt8,
    author   String,
    at       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY (episode, sequence, receiver, at)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;

-- What people say of an episode: right, wrong or noise, and whether somebody acted on it. The newest row per episode counts.
CREATE TABLE IF NOT EXISTS tollkeeper.alert_labels
(
    episode UUID,
    verdict LowCardinality(String),
    acted   UInt8,
    note    String,
    author  String,
    at      DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY (episode, at)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1;
-- 0012_throttle_subjects
-- Throttles are about a tenant or a part of it; acts of people are found by their time.
ALTER TABLE tollkeeper.throttle_events
    ADD COLUMN IF NOT EXISTS team String DEFAULT '' AFTER tenant,
    ADD COLUMN IF NOT EXISTS key String DEFAULT '' AFTER team,
    ADD COLUMN IF NOT EXISTS user String DEFAULT '' AFTER key,
    ADD COLUMN IF NOT EXISTS model String DEFAULT '' AFTER user;

ALTER TABLE tollkeeper.throttle_events ADD INDEX IF NOT EXISTS by_time at TYPE minmax GRANULARITY 1;
-- 0013_dashboards
-- What dashboards show that is not in the calls (docs/adr/0021-figures-for-dashboards.md), written by the dashboards role.

-- Numbers of the configuration: quotas, prices of storage and of egress. One write holds them all, under one time.
CREATE TABLE IF NOT EXISTS tollkeeper.dashboard_figures
(
    name  LowCardinality(String),
    key   String,
    value Decimal(38, 12),
    at    DateTime64(3, 'UTC')
)
ENGINE = MergeTree ORDER BY (at, name, key)
SETTINGS storage_policy = 'tiered';

CREATE OR REPLACE VIEW tollkeeper.dashboard_figures_now AS
SELECT name, key, value
FROM tollkeeper.dashboard_figures
WHERE at = (SELECT max(at) FROM tollkeeper.dashboard_figures);

-- What a month comes to at its end; the tenant '*' is all of them. low and high are how far earlier forecasts of the same
-- length were off; equal to likely and told in how where there is too little history.
CREATE TABLE IF NOT EXISTS tollkeeper.forecasts
(
    month  Date,
    tenant LowCardinality(String),
    low    Decimal(38, 12),
    likely Decimal(38, 12),
    high   Decimal(38, 12),
    how    String,
    at     DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at) ORDER BY (month, tenant)
SETTINGS storage_policy = 'tiered';

-- Who pays what of a month, as `tollkeeper report chargeback` hands it out. A month is written whole, under one time.
CREATE TABLE IF NOT EXISTS tollkeeper.chargebacks
(
    month       Date,
    tenant      LowCardinality(String),
    cost_centre String,
    at_least    UInt8,
    calls       UInt64,
    own         Decimal(38, 12),
    adjusted    Decimal(38, 12),
    shared      Decimal(38, 12),
    reserved    Decimal(38, 12),
    total       Decimal(38, 12),
    at          DateTime64(3, 'UTC')
)
ENGINE = MergeTree ORDER BY (month, at, tenant)
TTL toDateTime(at) + INTERVAL 800 DAY DELETE
SETTINGS storage_policy = 'tiered';

CREATE OR REPLACE VIEW tollkeeper.chargebacks_now AS
SELECT *
FROM tollkeeper.chargebacks
WHERE (month, at) IN (SELECT month, max(at) FROM tollkeeper.chargebacks GROUP BY month);

-- Counters and gauges of our own processes, so that the board Pipeline needs no Prometheus. Of a counter value is what was
-- added since the row before it.
CREATE TABLE IF NOT EXISTS tollkeeper.process_metrics
(
    seen    DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    process LowCardinality(String),
    name    LowCardinality(String),
    labels  Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    counter UInt8,
    value   Float64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(seen)
ORDER BY (name, seen)
TTL seen + INTERVAL 14 DAY DELETE
SETTINGS storage_policy = 'tiered', ttl_only_drop_parts = 1;
-- 0017_sealing
-- Evidence of sealed days (docs/adr/0026-sealing.md): what a day came to when its rows were about to expire, by tenant, and the
-- whole day under the empty tenant. A day that had something booked after it was sealed is sealed again; the newest
-- (n, worker) counts. Nobody wrote to what it replaces.
DROP TABLE IF EXISTS tollkeeper.sealed_days;

CREATE TABLE IF NOT EXISTS tollkeeper.day_seals
(
    day            Date,
    n              UInt32,
    worker         UInt64,
    tenant         LowCardinality(String),
    calls          UInt64,            -- of the day's totals
    cost           Decimal(38, 12),
    adjusted_calls Int64,             -- booked by the books for this day
    adjusted       Decimal(38, 12),
    ledger_calls   UInt64,            -- of the view calls
    ledger_cost    Decimal(38, 12),
    reports        UInt64,            -- of which the ledger's calls are made
    hours_digest   String,            -- SHA-256 of the sorted SHA-256 of the rows of cost_hour
    day_digest     String,            -- and of cost_day
    at             DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY (day, n, worker, tenant)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- The seals that count.
CREATE OR REPLACE VIEW tollkeeper.day_seals_now AS
SELECT * FROM tollkeeper.day_seals
WHERE (day, n, worker) IN (SELECT day, (max((n, worker)) AS newest).1, newest.2 FROM tollkeeper.day_seals GROUP BY day);
-- 0019_compression
-- Spans' columns say what prepares them for compression, and the table's TTL how hard they are compressed: ZSTD(1) at the first
-- merge, harder on the way to cold. A codec of a column's own keeps RECOMPRESS from it, and so does default_compression_codec
-- (docs/adr/0028). Parts of before change as they are merged.
ALTER TABLE tollkeeper.spans
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
ALTER TABLE tollkeeper.cost_hour MODIFY SETTING ttl_only_drop_parts = 1;
ALTER TABLE tollkeeper.cost_day MODIFY SETTING ttl_only_drop_parts = 1;
ALTER TABLE tollkeeper.cost_hour_by MODIFY SETTING ttl_only_drop_parts = 1;
ALTER TABLE tollkeeper.cost_day_by MODIFY SETTING ttl_only_drop_parts = 1;
-- 0023_chargeback_owners
-- Under whom the directory reported a tenant when the month was handed out, so that boards add up cost centres, parents and owners.
ALTER TABLE tollkeeper.chargebacks
    ADD COLUMN IF NOT EXISTS name String AFTER tenant,
    ADD COLUMN IF NOT EXISTS parent String AFTER name,
    ADD COLUMN IF NOT EXISTS owner String AFTER cost_centre;

CREATE OR REPLACE VIEW tollkeeper.chargebacks_now AS
SELECT *
FROM tollkeeper.chargebacks
WHERE (month, at) IN (SELECT month, max(at) FROM tollkeeper.chargebacks GROUP BY month);
-- 0024_for_tenants
-- What tenants may know of the operator's tables: which months are final, and up to when the ledger is complete.
CREATE OR REPLACE VIEW tollkeeper.period_states AS
SELECT p.month AS month, argMax(p.state, (p.at, p.state)) AS state, max(p.at) AS since
FROM tollkeeper.periods AS p
GROUP BY p.month;

-- Everything that Kafka acknowledged before complete_to is stored, by the partition that is furthest behind; no row before the first.
CREATE OR REPLACE VIEW tollkeeper.ledger_complete AS
SELECT min(f.complete_to) AS complete_to
FROM tollkeeper.ingest_freshness AS f FINAL
WHERE startsWith(f.topic, 'tollkeeper.calls')
HAVING count() > 0;
-- 0025_read_once
-- spend as in 0006, and two more views of the same text, so that a panel reads it once (docs/adr/0034-panels-read-once.md).
CREATE OR REPLACE VIEW tollkeeper.spend AS
WITH
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM tollkeeper.window_revisions
            WHERE level = 'day' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 DAY <= {to:DateTime('UTC')}
              AND window NOT IN
              (
                  SELECT toStartOfDay(window)
                  FROM tollkeeper.dirty_windows FINAL
                  WHERE level IN ('hour', 'day') AND done = 0
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM tollkeeper.period_states WHERE state = 'closed')
                    AND window >= toStartOfDay({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS days,
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM tollkeeper.window_revisions
            WHERE level = 'hour' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 HOUR <= {to:DateTime('UTC')}
              AND window NOT IN
              (
                  SELECT window
                  FROM tollkeeper.dirty_windows FINAL
                  WHERE level = 'hour' AND done = 0
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM tollkeeper.period_states WHERE state = 'closed')
                    AND window >= toStartOfHour({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS hours
SELECT *
FROM
(
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_day
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'day' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_hour
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'hour' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(hours)) AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_minute
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'minute' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND toStartOfHour(window) NOT IN (SELECT arrayJoin(hours)) AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
);

-- The same for series with a point per {step} seconds: no window is longer than a step, hours from steps of an hour on, days from steps
-- of a day on. Group by toStartOfInterval(window, {step} seconds), {step} being whole minutes below an hour, whole hours below a day, whole
-- days from there.
CREATE OR REPLACE VIEW tollkeeper.spend_steps AS
WITH
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM tollkeeper.window_revisions
            WHERE level = 'day' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 DAY <= {to:DateTime('UTC')}
              AND {step:UInt32} >= 86400
              AND window NOT IN
              (
                  SELECT toStartOfDay(window)
                  FROM tollkeeper.dirty_windows FINAL
                  WHERE level IN ('hour', 'day') AND done = 0
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM tollkeeper.period_states WHERE state = 'closed')
                    AND window >= toStartOfDay({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS days,
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM tollkeeper.window_revisions
            WHERE level = 'hour' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 HOUR <= {to:DateTime('UTC')}
              AND {step:UInt32} >= 3600
              AND window NOT IN
              (
                  SELECT window
                  FROM tollkeeper.dirty_windows FINAL
                  WHERE level = 'hour' AND done = 0
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM tollkeeper.period_states WHERE state = 'closed')
                    AND window >= toStartOfHour({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS hours
SELECT *
FROM
(
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_day
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'day' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_hour
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'hour' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(hours)) AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_minute
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'minute' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND toStartOfHour(window) NOT IN (SELECT arrayJoin(hours)) AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
);

-- The same for two ranges that meet: no window lies on both sides of {cut}.
CREATE OR REPLACE VIEW tollkeeper.spend_cut AS
WITH
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM tollkeeper.window_revisions
            WHERE level = 'day' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 DAY <= {to:DateTime('UTC')}
              AND (window >= {cut:DateTime('UTC')} OR window + INTERVAL 1 DAY <= {cut:DateTime('UTC')})
              AND window NOT IN
              (
                  SELECT toStartOfDay(window)
                  FROM tollkeeper.dirty_windows FINAL
                  WHERE level IN ('hour', 'day') AND done = 0
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM tollkeeper.period_states WHERE state = 'closed')
                    AND window >= toStartOfDay({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS days,
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM tollkeeper.window_revisions
            WHERE level = 'hour' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 HOUR <= {to:DateTime('UTC')}
              AND (window >= {cut:DateTime('UTC')} OR window + INTERVAL 1 HOUR <= {cut:DateTime('UTC')})
              AND window NOT IN
              (
                  SELECT window
                  FROM tollkeeper.dirty_windows FINAL
                  WHERE level = 'hour' AND done = 0
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM tollkeeper.period_states WHERE state = 'closed')
                    AND window >= toStartOfHour({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS hours
SELECT *
FROM
(
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_day
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'day' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_hour
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'hour' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(hours)) AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM tollkeeper.cost_minute
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM tollkeeper.window_revisions
        WHERE level = 'minute' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND toStartOfHour(window) NOT IN (SELECT arrayJoin(hours)) AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
);

-- How every budget stands, those of the configuration too, in the time zone that its rule or its tenant has; written whole, under one time,
-- by the dashboards role. A budget of all tenants has a row for each.
CREATE TABLE IF NOT EXISTS tollkeeper.budget_states
(
    name      String,
    tenant    LowCardinality(String),
    scope     Map(LowCardinality(String), String),
    period    LowCardinality(String),
    time_zone LowCardinality(String),
    begins    DateTime('UTC'),
    ends      DateTime('UTC'),
    amount    Decimal(38, 12),
    spent     Decimal(38, 12),
    week      Decimal(38, 12),
    at_least  UInt8,
    source    LowCardinality(String),
    at        DateTime64(3, 'UTC')
)
ENGINE = MergeTree ORDER BY (at, tenant, name)
TTL toDateTime(at) + INTERVAL 3 DAY DELETE
SETTINGS storage_policy = 'tiered';

CREATE OR REPLACE VIEW tollkeeper.budget_states_now AS
SELECT *
FROM tollkeeper.budget_states
WHERE at = (SELECT max(at) FROM tollkeeper.budget_states);
-- 0026_codecs
-- Times and versions as bits that differ, amounts as multiples of what they have in common: a tenth less on disk, for no more CPU
-- (docs/adr/0029). Only new parts and merges write this; parts of before are read as they are.
ALTER TABLE tollkeeper.call_reports
    MODIFY COLUMN version UInt64 CODEC(T64, ZSTD(1)),
    MODIFY COLUMN start DateTime64(9, 'UTC') CODEC(T64, ZSTD(1)),
    MODIFY COLUMN received DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),
    MODIFY COLUMN cost_input Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN cost_cache_read Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN cost_cache_write Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN cost_output Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN cost_reasoning Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN cost_other Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN list_delta Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN cache_saved Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN tier_saved Decimal(18, 12) CODEC(GCD, ZSTD(1)),
    MODIFY COLUMN provided_cost Decimal(18, 12) CODEC(GCD, ZSTD(1));
-- 0027_candidates_by_minute
-- The candidates of one minute lie together a second time, so that settling it doesn't read all those of its hour. Parts of before don't
-- have them so: they are read as they are, until they are merged or expire. Merges keep it although they leave out what was replaced.
ALTER TABLE tollkeeper.settle_candidates MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';
ALTER TABLE tollkeeper.settle_candidates ADD PROJECTION IF NOT EXISTS by_minute (SELECT * ORDER BY minute);
-- 0028_some_windows
-- What calls(from, to) and spend_minute(from, to) say, of some minutes and of some hours that need not follow one another: windows that come late
-- are rolled up by one statement for several. They are lists on both sides, so that nothing in between is read.
CREATE OR REPLACE VIEW tollkeeper.calls_of AS
SELECT
    *,
    cost_input + cost_cache_read + cost_cache_write + cost_output + cost_reasoning + cost_other AS cost
FROM tollkeeper.call_reports FINAL
WHERE minute IN {minutes:Array(DateTime('UTC'))}
  AND role != 'aggregate'
  AND (minute, tenant, trace_id, span_id) NOT IN
  (
      SELECT minute, tenant, trace_id, span_id
      FROM tollkeeper.settlements FINAL
      WHERE minute IN {minutes:Array(DateTime('UTC'))} AND loses = 1
  );

CREATE OR REPLACE VIEW tollkeeper.spend_minutes_of AS
SELECT * EXCEPT (n, worker)
FROM tollkeeper.cost_minute
WHERE toStartOfHour(window) IN {hours:Array(DateTime('UTC'))}
  AND (window, n, worker) IN
  (
      SELECT window, (max((n, worker)) AS newest).1, newest.2
      FROM tollkeeper.window_revisions
      WHERE level = 'minute' AND committed = 1 AND toStartOfHour(window) IN {hours:Array(DateTime('UTC'))}
      GROUP BY window
  );
-- 0029_spend_windows
-- Which windows spend is read from, hour by hour, so that a board needn't find it out (docs/adr/0049-windows-looked-up.md). Every window is
-- there as what a row of its table is compared with: (toInt64(window) + 100000000000 × level, n, worker). Written by the rollup role after what it
-- commits; version counts the writings, and each is made after it has taken its number.
CREATE TABLE IF NOT EXISTS tollkeeper.spend_windows
(
    hour    DateTime('UTC'),
    version UInt64,
    minutes       Array(Tuple(Int64, UInt64, UInt64)), -- the newest committed revision of each minute of the hour,
    hour_of       Array(Tuple(Int64, UInt64, UInt64)), -- of the hour
    day_of        Array(Tuple(Int64, UInt64, UInt64)), -- and, in the first hour of a day, of the day
    hour_of_by    Array(Tuple(Int64, UInt64, UInt64)),
    day_of_by     Array(Tuple(Int64, UInt64, UInt64)),
    hour_stands   Bool,                                -- the hour stands for its minutes: nothing of it is due
    day_stands    Bool,                                -- the day for its hours
    day_by_stands Bool
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(hour)
ORDER BY hour
SETTINGS storage_policy = 'tiered';
-- 0030_codecs_of_rollups
-- What every read of a rollup has to decode takes a fraction of the CPU, for the same bytes on disk (docs/adr/0050-what-a-row-costs.md): which revision a row is of
-- hardly changes from row to row, and amounts are multiples of what they have in common. Only new parts and merges write this; parts of before are read as they are.

ALTER TABLE tollkeeper.cost_minute
    MODIFY COLUMN window DateTime('UTC') CODEC(Delta(4), LZ4),
    MODIFY COLUMN n UInt64 CODEC(Delta(8), LZ4),
    MODIFY COLUMN worker UInt64 CODEC(Delta(8), LZ4),
    MODIFY COLUMN calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN errors UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN rate_limited UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN unpriced_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN flagged_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN estimated_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN provided_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN reserved_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN streamed_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN fresh_input UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN cache_read UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN cache_write_5m UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN cache_write_1h UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN audio_input UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN image_input UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN text_output UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN reasoning UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN audio_output UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN reserved_tokens UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN cost Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_input Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_cache_read Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_cache_write Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_output Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_reasoning Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_other Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN list_cost Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cache_saved Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN tier_saved Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN request_bytes UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN response_bytes UInt64 CODEC(T64, LZ4);

ALTER TABLE tollkeeper.cost_hour
    MODIFY COLUMN window DateTime('UTC') CODEC(Delta(4), LZ4),
    MODIFY COLUMN n UInt64 CODEC(Delta(8), LZ4),
    MODIFY COLUMN worker UInt64 CODEC(Delta(8), LZ4),
    MODIFY COLUMN calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN errors UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN rate_limited UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN unpriced_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN flagged_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN estimated_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN provided_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN reserved_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN streamed_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN fresh_input UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN cache_read UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN cache_write_5m UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN cache_write_1h UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN audio_input UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN image_input UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN text_output UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN reasoning UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN audio_output UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN reserved_tokens UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN cost Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_input Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_cache_read Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_cache_write Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_output Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_reasoning Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_other Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN list_cost Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cache_saved Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN tier_saved Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN request_bytes UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN response_bytes UInt64 CODEC(T64, LZ4);

ALTER TABLE tollkeeper.cost_day
    MODIFY COLUMN window DateTime('UTC') CODEC(Delta(4), LZ4),
    MODIFY COLUMN n UInt64 CODEC(Delta(8), LZ4),
    MODIFY COLUMN worker UInt64 CODEC(Delta(8), LZ4),
    MODIFY COLUMN calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN errors UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN rate_limited UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN unpriced_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN flagged_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN estimated_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN provided_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN reserved_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN streamed_calls UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN fresh_input UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN cache_read UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN cache_write_5m UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN cache_write_1h UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN audio_input UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN image_input UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN text_output UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN reasoning UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN audio_output UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN reserved_tokens UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN cost Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_input Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_cache_read Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_cache_write Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_output Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_reasoning Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cost_other Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN list_cost Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN cache_saved Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN tier_saved Decimal(38, 12) CODEC(GCD, LZ4),
    MODIFY COLUMN request_bytes UInt64 CODEC(T64, LZ4),
    MODIFY COLUMN response_bytes UInt64 CODEC(T64, LZ4);

-- 0031_alert_leads
-- Which of several alerts processes leads (docs/adr/0051-one-alerts-process-leads.md). Each says every few seconds that it lives; the one that has
-- claimed first, of those that live, leads. All times are the server's.
CREATE TABLE IF NOT EXISTS tollkeeper.alert_leads
(
    holder  UUID,                                              -- of one process's life
    host    SimpleAggregateFunction(any, String),              -- where it runs, for people
    claimed SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    seen    SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    gone    SimpleAggregateFunction(max, Bool)                 -- it has stopped, and said so
)
ENGINE = AggregatingMergeTree
ORDER BY holder
TTL toDateTime(seen) + INTERVAL 1 DAY
SETTINGS storage_policy = 'tiered';
-- 0032_summaries
-- Totals of a window by tenant alone and by model alone, which boards read instead of the rows of all keys (docs/adr/0052-totals-by-one-key.md). They are
-- made of rows of revisions that don't change, and a board reads them only where spend_windows says so, which it does after they are there: they can be missing, not wrong.
-- slot says what they stand for: toInt64(hour) + 500000000000 for the minutes of an hour, toInt64(window) + 600000000000 for an hour, + 700000000000 for a day; n is the
-- number of the writing; worker is 0, so that a row is found as one of cost_minute is.

CREATE TABLE IF NOT EXISTS tollkeeper.summary_tenants
(
    slot             Int64 CODEC(Delta(8), LZ4),
    n                UInt64 CODEC(Delta(8), LZ4),
    worker           UInt64 CODEC(Delta(8), LZ4),
    window           DateTime('UTC') CODEC(Delta(4), LZ4),
    tenant           LowCardinality(String),
    calls            UInt64 CODEC(T64, LZ4),
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
    first_token      Map(UInt8, UInt64)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(window)
ORDER BY (slot, n, worker, window, tenant)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS tollkeeper.summary_models
(
    slot             Int64 CODEC(Delta(8), LZ4),
    n                UInt64 CODEC(Delta(8), LZ4),
    worker           UInt64 CODEC(Delta(8), LZ4),
    window           DateTime('UTC') CODEC(Delta(4), LZ4),
    provider         LowCardinality(String),
    model            LowCardinality(String),
    calls            UInt64 CODEC(T64, LZ4),
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
    first_token      Map(UInt8, UInt64)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(window)
ORDER BY (slot, n, worker, window, provider, model)
SETTINGS storage_policy = 'tiered', fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- Which revisions (as in spend_windows) of an hour's minutes, of an hour or of a day a writing has summed up. A row with done = 0 comes before its sums, one with 1 after them.
CREATE TABLE IF NOT EXISTS tollkeeper.summaries
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
SETTINGS storage_policy = 'tiered', index_granularity = 64;

-- What a board that needs no other key reads: the minutes of an hour, summed up or as they are, the hour, and in the first hour of a day the day.
ALTER TABLE tollkeeper.spend_windows
    ADD COLUMN IF NOT EXISTS writings    Array(UInt64) DEFAULT emptyArrayUInt64(), -- that have summed up the minutes, the hour and the day that it is of; 0: none
    ADD COLUMN IF NOT EXISTS minutes_as  Array(Tuple(Int64, UInt64, UInt64)) DEFAULT if(writings[1] = 0, minutes, [(toInt64(hour) + 500000000000, writings[1], 0)]),
    ADD COLUMN IF NOT EXISTS hour_as     Array(Tuple(Int64, UInt64, UInt64)) DEFAULT if(writings[2] = 0, [], [(toInt64(hour) + 600000000000, writings[2], 0)]),
    ADD COLUMN IF NOT EXISTS day_as      Array(Tuple(Int64, UInt64, UInt64)) DEFAULT if(writings[3] = 0 OR empty(day_of), [], [(toInt64(hour) + 700000000000, writings[3], 0)]),
    ADD COLUMN IF NOT EXISTS hour_summed Bool DEFAULT hour_stands AND writings[2] != 0, -- the hour stands for its minutes and is summed up
    ADD COLUMN IF NOT EXISTS day_summed  Bool DEFAULT day_stands AND writings[3] != 0,
    ADD COLUMN IF NOT EXISTS minutes_gone Bool DEFAULT hour < now('UTC') - INTERVAL 35 DAY; -- the rows of its minutes have ended
-- 0033_no_statistics
-- No statistics of columns: ClickHouse 26.4 and later make them with each merge of each table, and of what is asked here nothing is planned better by them
-- (docs/adr/0055-no-statistics-of-columns.md). Parts of before keep theirs until they are merged or changed. A table that comes later says so itself.
ALTER TABLE tollkeeper.adjust_marks MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.adjust_revisions MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.adjustments MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.alert_dead_letters MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.alert_events MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.alert_labels MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.alert_leads MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.alert_windows MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.budget_states MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.budgets MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.call_reports MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.chargebacks MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.cost_day MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.cost_day_by MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.cost_hour MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.cost_hour_by MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.cost_minute MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.dashboard_figures MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.day_seals MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.dirty_windows MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.forecasts MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.ingest_freshness MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.ingest_ranges MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.job_runs MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.periods MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.price_book MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.process_metrics MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.rerate_changes MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.rerate_reports MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.rerate_runs MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.settle_candidates MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.settlements MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.spans MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.spend_windows MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.summaries MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.summary_models MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.summary_tenants MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.tenants MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.throttle_events MODIFY SETTING auto_statistics_types = '';
ALTER TABLE tollkeeper.window_revisions MODIFY SETTING auto_statistics_types = '';
