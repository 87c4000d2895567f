-- From the exact counts per bucket, a quarter of a doubling wide, linear inside a bucket.
SELECT time, told[1] AS p50, told[2] AS p95, told[3] AS p99
FROM
(
    SELECT toStartOfInterval(window, toIntervalSecond($step)) AS time, $quantiles(sumMap(latency))[1] AS told
    FROM $by_tenant_steps(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), $step)
    WHERE tenant = unhex(${tenant:singlequote})
    GROUP BY time
)
ORDER BY time
