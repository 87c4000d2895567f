SELECT time, sum(n) / $__interval_s AS calls, sum(kept) / $__interval_s AS `spans kept`
FROM
(
    SELECT toStartOfInterval(window, INTERVAL $__interval_s second) AS time, sum(s.calls) AS n, toUInt64(0) AS kept
    FROM spend_minute(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC')) AS s
    WHERE $__interval_s < 3600
    GROUP BY time
    UNION ALL
    SELECT toStartOfInterval(window, INTERVAL $__interval_s second) AS time, sum(s.calls), toUInt64(0)
    FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC')) AS s
    WHERE $__interval_s >= 3600
    GROUP BY time
    UNION ALL
    SELECT toStartOfInterval(minute, INTERVAL $__interval_s second) AS time, toUInt64(0), count()
    FROM spans
    WHERE minute >= toDateTime($__fromTime, 'UTC') AND minute < toDateTime($__toTime, 'UTC')
    GROUP BY time
)
GROUP BY time
ORDER BY time
