-- What capacity for the range's busiest minute would be with 30 and with 50 % of headroom. Of the last seven days at most.
SELECT time, sum(n) / $step AS rate, max(max(n)) OVER () / 60 * 1.3 AS `busiest minute + 30 %`, max(max(n)) OVER () / 60 * 1.5 AS `busiest minute + 50 %`
FROM
(
    SELECT toStartOfInterval(window, toIntervalSecond($step)) AS time, sum(s.calls) AS n
    FROM $by_model_steps(greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 7 DAY), toDateTime($__toTime, 'UTC'), 60) AS s
    GROUP BY time, window
)
GROUP BY time
ORDER BY time WITH FILL STEP toIntervalSecond($step)
INTERPOLATE (`busiest minute + 30 %`, `busiest minute + 50 %`)
