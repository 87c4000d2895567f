SELECT
    toStartOfInterval(window, toIntervalSecond($step)) AS time,
    sum(fresh_input) AS `fresh input`,
    sum(cache_read) AS `cache reads`,
    sum(cache_write_5m + cache_write_1h) AS `cache writes`,
    sum(audio_input + image_input + audio_output) AS `audio and image`,
    sum(text_output) AS output,
    sum(s.reasoning) AS reasoning
FROM $by_tenant_steps(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), $step) AS s
WHERE tenant = unhex(${tenant:singlequote})
GROUP BY time
ORDER BY time
