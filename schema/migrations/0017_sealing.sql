-- Evidence of sealed days (docs/adr/0026-sealing.md): what a day came to when its rows were about to expire, by tenant, and the
-- whole day under the empty tenant. A day that had something booked after it was sealed is sealed again; the newest
-- (n, worker) counts. Nobody wrote to what it replaces.
DROP TABLE IF EXISTS {{.Database}}.sealed_days;

CREATE TABLE IF NOT EXISTS {{.Database}}.day_seals
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
SETTINGS storage_policy = '{{.Policy}}', fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- The seals that count.
CREATE OR REPLACE VIEW {{.Database}}.day_seals_now AS
SELECT * FROM {{.Database}}.day_seals
WHERE (day, n, worker) IN (SELECT day, (max((n, worker)) AS newest).1, newest.2 FROM {{.Database}}.day_seals GROUP BY day);
