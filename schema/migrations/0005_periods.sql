-- Closing, adjustments and re-rates (docs/adr/0006-closing.md). Adjustments of an hour are written whole, like a window's
-- totals: a row that the books made counts only if its (window, n, worker) is the newest committed one of adjust_revisions.
-- Rows by hand have n = 0. Read through the view adjustments_now.
CREATE TABLE IF NOT EXISTS {{.Database}}.adjust_marks
(
    window DateTime('UTC'),
    id     UUID,
    done   UInt8,
    at     DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(done)
ORDER BY (window, id)
SETTINGS storage_policy = '{{.Policy}}', fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS {{.Database}}.adjust_revisions
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
SETTINGS storage_policy = '{{.Policy}}', fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

ALTER TABLE {{.Database}}.adjustments
    ADD COLUMN IF NOT EXISTS window DateTime('UTC'),
    ADD COLUMN IF NOT EXISTS n UInt64,
    ADD COLUMN IF NOT EXISTS worker UInt64;

-- Months as they stand. A month without a row is open.
CREATE OR REPLACE VIEW {{.Database}}.periods_now AS
SELECT p.month AS month, argMax(p.state, (p.at, p.state)) AS state, argMax(p.author, (p.at, p.state)) AS author,
    argMax(p.reason, (p.at, p.state)) AS reason, argMax(p.cost, (p.at, p.state)) AS cost, argMax(p.calls, (p.at, p.state)) AS calls,
    argMax(p.evidence, (p.at, p.state)) AS evidence, max(p.at) AS since
FROM {{.Database}}.periods AS p
GROUP BY p.month;

-- Adjustments that count, a row each, with an id that stays the same as long as the hour, the key and the month it is
-- booked in do.
CREATE OR REPLACE VIEW {{.Database}}.adjustments_now AS
SELECT
    if(n = 0, id, reinterpretAsUUID(sipHash128(window, tenant, provider, model, booked))) AS id,
    booked, original, tenant, provider, model, kind, cost, calls, author, reason, evidence, at, window
FROM {{.Database}}.adjustments FINAL
WHERE n = 0 OR (window, n, worker) IN
(
    SELECT window, (max((n, worker)) AS newest).1, newest.2
    FROM {{.Database}}.adjust_revisions
    WHERE committed = 1
    GROUP BY window
);

-- What is booked in the months of [from, to), which are whole months: what its days came to (a closed month's days are
-- frozen), and the adjustments booked in it. part tells the two apart.
CREATE OR REPLACE VIEW {{.Database}}.booked_spend AS
SELECT 'spend' AS part, toStartOfMonth(window) AS booked, toDate(window) AS original, toString(tenant) AS tenant, toString(provider) AS provider,
    toString(model) AS model, '' AS kind, toInt64(sum(s.calls)) AS calls, sum(s.cost) AS cost, sum(s.unpriced_calls) AS unpriced_calls
FROM {{.Database}}.spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS s
GROUP BY booked, original, tenant, provider, model
UNION ALL
SELECT 'adjustment' AS part, a.booked AS booked, a.original AS original, toString(a.tenant) AS tenant, toString(a.provider) AS provider,
    toString(a.model) AS model, toString(a.kind) AS kind, sum(a.calls) AS calls, sum(a.cost) AS cost, toUInt64(0) AS unpriced_calls
FROM {{.Database}}.adjustments_now AS a
WHERE a.booked >= toDate({from:DateTime('UTC')}) AND a.booked < toDate({to:DateTime('UTC')})
GROUP BY booked, original, tenant, provider, model, kind;

-- New amounts of a re-rate, until the reports are written; then what the run changed, by hour and key.
CREATE TABLE IF NOT EXISTS {{.Database}}.rerate_rows
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
SETTINGS storage_policy = '{{.Policy}}', fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS {{.Database}}.rerate_changes
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
SETTINGS storage_policy = '{{.Policy}}', fsync_after_insert = 1, fsync_part_directory = 1;

ALTER TABLE {{.Database}}.rerate_runs
    ADD COLUMN IF NOT EXISTS number UInt16,
    ADD COLUMN IF NOT EXISTS reread UInt8;

-- Evidence that a day's totals equalled its calls when its rows were about to expire.
CREATE TABLE IF NOT EXISTS {{.Database}}.sealed_days
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
SETTINGS storage_policy = '{{.Policy}}', fsync_after_insert = 1, fsync_part_directory = 1;
