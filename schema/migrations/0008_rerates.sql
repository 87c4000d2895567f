-- Re-rates (docs/adr/0007-rerate.md). The intent of a run, hour by hour: new amounts of reports, written before any report is.
-- base is the version that was read: what came meanwhile is left alone. Nobody wrote to what it replaces.
DROP TABLE IF EXISTS {{.Database}}.rerate_rows;

CREATE TABLE IF NOT EXISTS {{.Database}}.rerate_reports
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
SETTINGS storage_policy = '{{.Policy}}', fsync_after_insert = 1, fsync_part_directory = 1;

-- done_to is the hour of steps that are about one. rules is the version of the emitter rules of a run that reads counts again.
ALTER TABLE {{.Database}}.rerate_runs
    ADD COLUMN IF NOT EXISTS every UInt8, -- tenant: without it only the one of that name
    ADD COLUMN IF NOT EXISTS rules String,
    ADD COLUMN IF NOT EXISTS hours UInt32;

-- Which price books had made the amounts before.
ALTER TABLE {{.Database}}.rerate_changes
    ADD COLUMN IF NOT EXISTS books Array(String);

ALTER TABLE {{.Database}}.adjustments
    ADD COLUMN IF NOT EXISTS run UUID;

-- The re-rate's share of an hour's adjustments has rows of its own, one per run.
CREATE OR REPLACE VIEW {{.Database}}.adjustments_now AS
SELECT
    multiIf(n = 0, id, run = toUUID('00000000-0000-0000-0000-000000000000'), reinterpretAsUUID(sipHash128(window, tenant, provider, model, booked)),
        reinterpretAsUUID(sipHash128(window, tenant, provider, model, booked, run))) AS id,
    booked, original, tenant, provider, model, kind, cost, calls, author, reason, evidence, at, window
FROM {{.Database}}.adjustments FINAL
WHERE n = 0 OR (window, n, worker) IN
(
    SELECT window, (max((n, worker)) AS newest).1, newest.2
    FROM {{.Database}}.adjust_revisions
    WHERE committed = 1
    GROUP BY window
);

-- Since when a month that is closed has been closed.
CREATE OR REPLACE VIEW {{.Database}}.closings AS
SELECT p.month AS month, toUnixTimestamp64Milli(min(p.at)) AS closed_ms
FROM {{.Database}}.periods AS p
LEFT JOIN
(
    SELECT month, max(at) AS at_ FROM {{.Database}}.periods WHERE state != 'closed' GROUP BY month
) AS o ON p.month = o.month
WHERE p.state = 'closed' AND toUnixTimestamp64Milli(p.at) > toUnixTimestamp64Milli(o.at_)
GROUP BY p.month;

-- Re-rates, a row each, as they stand: started, finished or abandoned.
CREATE OR REPLACE VIEW {{.Database}}.rerates AS
SELECT id, max(r.number) AS number, multiIf(has(groupArray(r.step), 'withdrawn'), 'withdrawn', has(groupArray(r.step), 'finished'), 'finished',
        has(groupArray(r.step), 'abandoned'), 'abandoned', 'started') AS state,
    anyIf(r.range_from, r.step = 'started') AS range_from, anyIf(r.range_to, r.step = 'started') AS range_to, anyIf(r.every, r.step = 'started') AS every, anyIf(r.tenant, r.step = 'started') AS tenant, anyIf(r.model, r.step = 'started') AS model,
    anyIf(r.price_version, r.step = 'started') AS price_version, anyIf(r.rules, r.step = 'started') AS rules, anyIf(r.reread, r.step = 'started') AS reread,
    anyIf(r.author, r.step = 'started') AS author, anyIf(r.reason, r.step = 'started') AS reason, minIf(r.at, r.step = 'started') AS started,
    max(r.at) AS last, uniqExactIf(r.done_to, r.step = 'written') AS hours, anyIf(r.hours, r.step = 'started') AS all_hours
FROM {{.Database}}.rerate_runs AS r
GROUP BY r.id AS id;

-- What re-rates changed in the hours of [from, to). included says whether the totals of the hour hold it: those of a month that
-- was closed before don't, and the change is an adjustment.
CREATE OR REPLACE VIEW {{.Database}}.rerated AS
SELECT c.run AS run, c.hour AS hour, toString(c.tenant) AS tenant, toString(c.provider) AS provider, toString(c.model) AS model, c.calls AS calls, c.changed AS changed,
    c.unpriced AS unpriced, c.before AS before, c.after AS after, c.books AS books, c.at AS at,
    closed_ms = 0 OR toUnixTimestamp64Milli(c.at) < closed_ms AS included
FROM
(
    SELECT * FROM {{.Database}}.rerate_changes FINAL
    WHERE hour >= {from:DateTime('UTC')} AND hour < {to:DateTime('UTC')}
      AND (run, hour) IN (SELECT id, done_to FROM {{.Database}}.rerate_runs WHERE step = 'prepared')
) AS c
LEFT JOIN {{.Database}}.closings AS k ON toStartOfMonth(c.hour) = k.month;
