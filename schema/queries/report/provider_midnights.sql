-- What a provider's models used in the last hour of each day and in the first: what a bill may count on the day beside.
SELECT
    toDate(window) AS day, toHour(window) = 23 AS evening, toString(model) AS model_,
    [sum(s.fresh_input), sum(s.cache_read), sum(s.cache_write_5m), sum(s.cache_write_1h), sum(s.audio_input), sum(s.image_input),
        sum(s.text_output), sum(s.reasoning), sum(s.audio_output)] AS tokens,
    toString(sum(s.cost)) AS cost_
FROM spend_hour(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS s
WHERE provider IN {providers:Array(String)} AND toHour(window) IN (0, 23)
GROUP BY day, evening, model_
ORDER BY day, evening, model_
