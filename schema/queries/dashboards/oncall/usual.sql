-- Spend of whole hours beside the median of the same hour of the week in the four weeks before. The hour that runs is left
-- out: it would always look low.
WITH
    toStartOfHour(toDateTime($__fromTime, 'UTC')) AS first,
    least(toStartOfHour(now('UTC')), toDateTime($__toTime, 'UTC')) AS last
SELECT
    toStartOfInterval(hour, toIntervalSecond($step)) AS time,
    avg(spent) AS actual,
    avg(before) AS usual
FROM
(
    SELECT hour, sumIf(cost, back = 0) AS spent, median(if(back = 0, NULL, toFloat64(cost))) AS before
    FROM
    (
        SELECT window + toIntervalWeek(back) AS hour, back, cost
        FROM
        (
            SELECT window, sum(s.cost) AS cost
            FROM spend_hour(from = toStartOfHour(toDateTime($__fromTime, 'UTC')) - INTERVAL 28 DAY, to = toDateTime($__toTime, 'UTC')) AS s
            WHERE window IN
            (
                SELECT first + toIntervalHour(number) - toIntervalWeek(back)
                FROM numbers(toUInt64(greatest(dateDiff('hour', first, last) + 1, 0)))
                ARRAY JOIN [0, 1, 2, 3, 4] AS back
            )
            GROUP BY window
        )
        ARRAY JOIN [0, 1, 2, 3, 4] AS back
        WHERE window + toIntervalWeek(back) >= first AND window + toIntervalWeek(back) < last
    )
    GROUP BY hour
)
GROUP BY time
ORDER BY time
