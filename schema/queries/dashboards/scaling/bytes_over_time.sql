SELECT
    toStartOfInterval(window, INTERVAL $__interval_s second) AS time,
    nullIf(sum(sent), 0) AS `request bodies`,
    nullIf(sum(got), 0) AS `response bodies`
FROM
(
    SELECT window, request_bytes AS sent, response_bytes AS got FROM spend_minute(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s < 3600
    UNION ALL
    SELECT window, request_bytes, response_bytes FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s >= 3600
)
GROUP BY time
ORDER BY time
