-- From the exact counts per bucket, a quarter of a doubling wide, linear inside a bucket.
SELECT time, told[1] AS p50, told[2] AS p95, told[3] AS p99
FROM
(
    SELECT toStartOfInterval(window, INTERVAL $__interval_s second) AS time, $quantiles(sumMap(h)) AS told
    FROM
    (
        SELECT window, first_token AS h FROM spend_minute(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
        WHERE $__interval_s < 3600
        UNION ALL
        SELECT window, first_token AS h FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
        WHERE $__interval_s >= 3600
    )
    GROUP BY time
)
ORDER BY time
