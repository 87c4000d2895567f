SELECT time, sum(n) / $step AS calls, sum(kept) / $step AS `spans kept`
FROM
(
    SELECT toStartOfInterval(window, toIntervalSecond($step)) AS time, sum(s.calls) AS n, toUInt64(0) AS kept
    FROM $by_model_steps(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), $step) AS s
    GROUP BY time
    UNION ALL
    SELECT toStartOfInterval(minute, toIntervalSecond($step)) AS time, toUInt64(0), count()
    FROM spans
    WHERE minute >= toDateTime($__fromTime, 'UTC') AND minute < toDateTime($__toTime, 'UTC')
    GROUP BY time
)
GROUP BY time
ORDER BY time
