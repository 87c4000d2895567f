SELECT
    toStartOfInterval(window, INTERVAL $__interval_s second) AS time,
    sum(told - bad) / $__interval_s AS answered,
    sum(bad - limited) / $__interval_s AS failed,
    sum(limited) / $__interval_s AS `rate limited`
FROM
(
    SELECT window, calls AS told, errors AS bad, rate_limited AS limited FROM spend_minute(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s < 3600 AND tenant = unhex(${tenant:singlequote})
    UNION ALL
    SELECT window, calls, errors, rate_limited FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s >= 3600 AND tenant = unhex(${tenant:singlequote})
)
GROUP BY time
ORDER BY time
