-- What dashboards show that is not in the calls (docs/adr/0021-figures-for-dashboards.md), written by the dashboards role.

-- Numbers of the configuration: quotas, prices of storage and of egress. One write holds them all, under one time.
CREATE TABLE IF NOT EXISTS {{.Database}}.dashboard_figures
(
    name  LowCardinality(String),
    key   String,
    value Decimal(38, 12),
    at    DateTime64(3, 'UTC')
)
ENGINE = MergeTree ORDER BY (at, name, key)
SETTINGS storage_policy = '{{.Policy}}';

CREATE OR REPLACE VIEW {{.Database}}.dashboard_figures_now AS
SELECT name, key, value
FROM {{.Database}}.dashboard_figures
WHERE at = (SELECT max(at) FROM {{.Database}}.dashboard_figures);

-- What a month comes to at its end; the tenant '*' is all of them. low and high are how far earlier forecasts of the same
-- length were off; equal to likely and told in how where there is too little history.
CREATE TABLE IF NOT EXISTS {{.Database}}.forecasts
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
SETTINGS storage_policy = '{{.Policy}}';

-- Who pays what of a month, as `tollkeeper report chargeback` hands it out. A month is written whole, under one time.
CREATE TABLE IF NOT EXISTS {{.Database}}.chargebacks
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
SETTINGS storage_policy = '{{.Policy}}';

CREATE OR REPLACE VIEW {{.Database}}.chargebacks_now AS
SELECT *
FROM {{.Database}}.chargebacks
WHERE (month, at) IN (SELECT month, max(at) FROM {{.Database}}.chargebacks GROUP BY month);

-- Counters and gauges of our own processes, so that the board Pipeline needs no Prometheus. Of a counter value is what was
-- added since the row before it.
CREATE TABLE IF NOT EXISTS {{.Database}}.process_metrics
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
SETTINGS storage_policy = '{{.Policy}}', ttl_only_drop_parts = 1;
