WITH largest AS
(
    SELECT concat(provider, '/', model) AS name
    FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    GROUP BY name
    ORDER BY sum(fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output) DESC, name
    LIMIT 9
)
SELECT
    toStartOfInterval(window, INTERVAL $__interval_s second) AS time,
    if(name IN (SELECT name FROM largest), name, 'other') AS series,
    sum(tokens) * 60 / $__interval_s AS `tokens a minute`
FROM
(
    SELECT window, concat(provider, '/', model) AS name,
        fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output AS tokens
    FROM spend_minute(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s < 3600
    UNION ALL
    SELECT window, concat(provider, '/', model),
        fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output
    FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s >= 3600
)
GROUP BY time, series
ORDER BY time, series
