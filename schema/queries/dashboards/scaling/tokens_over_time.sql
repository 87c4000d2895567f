-- The nine largest of the range by name, the rest as one.
SELECT time, if(place <= 9, name, 'other') AS series, sum(weight) * 60 / $step AS `tokens a minute`
FROM
(
    SELECT *, dense_rank() OVER (ORDER BY whole DESC, name) AS place
    FROM
    (
        SELECT *, sum(weight) OVER (PARTITION BY name) AS whole
        FROM
        (
            SELECT toStartOfInterval(window, toIntervalSecond($step)) AS time, concat(provider, '/', model) AS name, sum(fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output) AS weight
            FROM $by_model_steps(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), $step) AS s
            GROUP BY time, provider, model
        )
    )
)
GROUP BY time, series
ORDER BY time, series
