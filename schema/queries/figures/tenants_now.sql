-- The tenants of the month by spend: the first ones by name, the rest together under ''. Rates are of the last five whole
-- minutes, the month's spend is that of its days so far, UTC.
WITH
    month AS
    (
        SELECT toString(tenant) AS who, sum(cost) AS spent
        FROM spend(from = toDateTime(toStartOfMonth(now('UTC')), 'UTC'), to = now('UTC') + INTERVAL 1 HOUR)
        GROUP BY who
    ),
    named AS (SELECT who FROM month ORDER BY spent DESC, who LIMIT {most:UInt32})
SELECT
    if(who IN (SELECT who FROM named), who, '') AS tenant_,
    toFloat64(sum(spent)) AS month_usd,
    toFloat64(sum(recent)) * 12 AS usd_per_hour,
    sum(n) / 300 AS calls_per_second,
    sum(failed) / 300 AS errors_per_second,
    ifNull($quantiles(sumMap(slow))[1][2], nan) AS p95
FROM
(
    SELECT who, sum(spent) AS spent, sum(recent) AS recent, sum(n) AS n, sum(failed) AS failed, sumMap(slow) AS slow
    FROM
    (
        SELECT who, spent, toDecimal128(0, 12) AS recent, toUInt64(0) AS n, toUInt64(0) AS failed, CAST(map(), 'Map(UInt8, UInt64)') AS slow FROM month
        UNION ALL
        SELECT toString(tenant) AS who, toDecimal128(0, 12), cost, calls, errors, latency
        FROM spend_minute(from = toStartOfMinute(now('UTC')) - INTERVAL 5 MINUTE, to = toStartOfMinute(now('UTC')))
    )
    GROUP BY who
)
GROUP BY tenant_
