-- What capacity for the range's busiest minute would be with 30 and with 50 % of headroom. The busiest minute of seven days
-- at most.
WITH
(
    SELECT max(n) / 60
    FROM
    (
        SELECT window, sum(calls) AS n
        FROM spend_minute(from = greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 7 DAY), to = toDateTime($__toTime, 'UTC'))
        GROUP BY window
    )
) AS busiest
SELECT
    toStartOfInterval(window, INTERVAL $__interval_s second) AS time,
    sum(n) / $__interval_s AS rate,
    busiest * 1.3 AS `busiest minute + 30 %`,
    busiest * 1.5 AS `busiest minute + 50 %`
FROM
(
    SELECT window, calls AS n FROM spend_minute(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s < 3600
    UNION ALL
    SELECT window, calls AS n FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s >= 3600
)
GROUP BY time
ORDER BY time
