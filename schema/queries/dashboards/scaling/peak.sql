SELECT max(n) / 60 AS value
FROM
(
    SELECT window, sum(calls) AS n
    FROM $by_model_steps(greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 7 DAY), toDateTime($__toTime, 'UTC'), 60)
    GROUP BY window
)
