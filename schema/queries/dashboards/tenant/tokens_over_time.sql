SELECT
    toStartOfInterval(window, INTERVAL $__interval_s second) AS time,
    sum(fresh) AS `fresh input`,
    sum(cached) AS `cache reads`,
    sum(written) AS `cache writes`,
    sum(media) AS `audio and image`,
    sum(output) AS output,
    sum(thought) AS reasoning
FROM
(
    SELECT window, fresh_input AS fresh, cache_read AS cached, cache_write_5m + cache_write_1h AS written,
        audio_input + image_input + audio_output AS media, text_output AS output, reasoning AS thought
    FROM spend_minute(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s < 3600 AND tenant = unhex(${tenant:singlequote})
    UNION ALL
    SELECT window, fresh_input, cache_read, cache_write_5m + cache_write_1h, audio_input + image_input + audio_output, text_output, reasoning
    FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s >= 3600 AND tenant = unhex(${tenant:singlequote})
)
GROUP BY time
ORDER BY time
