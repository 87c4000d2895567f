-- The last whole hour of each tenant beside the median of the same hour of the week in the four weeks before.
WITH toStartOfHour(now('UTC')) - INTERVAL 1 HOUR AS last
SELECT
    tenant,
    sumIf(cost, window = last) AS `last hour`,
    if(countIf(window < last) = 0, NULL, quantileExactIf(0.5)(cost, window < last)) AS usual,
    toFloat64(`last hour`) / nullIf(toFloat64(usual), 0) AS `times usual`,
    sumIf(n, window = last) AS calls,
    if(sumIf(unpriced, window = last) > 0, 'at least', '') AS note,
    hex(tenant) AS id
FROM
(
    SELECT tenant, window, sum(s.cost) AS cost, sum(s.calls) AS n, sum(unpriced_calls) AS unpriced
    FROM spend_hour(from = toStartOfHour(now('UTC')) - INTERVAL 673 HOUR, to = toStartOfHour(now('UTC'))) AS s
    WHERE window IN (SELECT last - toIntervalWeek(number) FROM numbers(5))
    GROUP BY tenant, window
)
GROUP BY tenant
HAVING calls > 0
ORDER BY `times usual` DESC NULLS LAST, `last hour` DESC, tenant
LIMIT 100
