-- Minutes without a call count in the average, from the first minute with one.
SELECT if(sum(n) = 0, NULL, max(n) / (sum(n) / (dateDiff('minute', min(window), max(window)) + 1))) AS value
FROM
(
    SELECT window, sum(calls) AS n
    FROM spend_minute(from = greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 7 DAY), to = toDateTime($__toTime, 'UTC'))
    GROUP BY window
)
