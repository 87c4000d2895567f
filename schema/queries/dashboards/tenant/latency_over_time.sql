-- From the calls of the last day of the range at most.
SELECT
    toStartOfInterval(minute, INTERVAL $__interval_s second) AS time,
    quantileExact(0.5)(duration_ns) / 1e9 AS p50,
    quantileExact(0.95)(duration_ns) / 1e9 AS p95,
    quantileExact(0.99)(duration_ns) / 1e9 AS p99
FROM calls(from = greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 1 DAY), to = toDateTime($__toTime, 'UTC'))
WHERE tenant = unhex(${tenant:singlequote})
GROUP BY time
ORDER BY time
