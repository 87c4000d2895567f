-- Minutes for steps below an hour, the coarser windows of spend() above.
WITH largest AS
(
    SELECT model
    FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE tenant = unhex(${tenant:singlequote})
    GROUP BY model
    ORDER BY sum(cost) DESC, model
    LIMIT 9
)
SELECT
    toStartOfInterval(window, INTERVAL $__interval_s second) AS time,
    if(model IN (SELECT model FROM largest), model, 'other') AS series,
    sum(cost) AS spend
FROM
(
    SELECT window, toString(model) AS model, cost FROM spend_minute(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s < 3600 AND tenant = unhex(${tenant:singlequote})
    UNION ALL
    SELECT window, toString(model) AS model, cost FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s >= 3600 AND tenant = unhex(${tenant:singlequote})
)
GROUP BY time, series
ORDER BY time, series
