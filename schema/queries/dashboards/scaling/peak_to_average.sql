-- Minutes without a call count in the average, from the first minute with one.
SELECT if(sum(n) = 0, NULL, max(n) / (sum(n) / (dateDiff('minute', min(window), max(window)) + 1))) AS value
FROM
(
    SELECT window, sum(calls) AS n
    FROM $by_model_steps(greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 7 DAY), toDateTime($__toTime, 'UTC'), 60)
    GROUP BY window
)
