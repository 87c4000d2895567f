SELECT max(n) / 60 AS value
FROM
(
    SELECT window, sum(calls) AS n
    FROM spend_minute(from = greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 7 DAY), to = toDateTime($__toTime, 'UTC'))
    GROUP BY window
)
