WITH largest AS
(
    SELECT model
    FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    GROUP BY model
    ORDER BY sum(calls) DESC, model
    LIMIT 9
)
SELECT
    toStartOfInterval(window, INTERVAL $__interval_s second) AS time,
    if(model IN (SELECT model FROM largest), model, 'other') AS series,
    sum(cached) / nullIf(sum(input), 0) * 100 AS `hits %`
FROM
(
    SELECT window, toString(model) AS model, cache_read AS cached, fresh_input + cache_read + cache_write_5m + cache_write_1h AS input
    FROM spend_minute(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s < 3600
    UNION ALL
    SELECT window, toString(model), cache_read, fresh_input + cache_read + cache_write_5m + cache_write_1h
    FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s >= 3600
)
GROUP BY time, series
ORDER BY time, series
