-- What the ledger says of a provider, by day and model, to hold against its bill. other_ is the part of the cost that isn't for
-- tokens.
SELECT
    toDate(window) AS day, toString(model) AS model_,
    sum(s.calls) AS calls_,
    sum(unpriced_calls) AS unpriced_,
    sum(estimated_calls) AS estimated_,
    [sum(s.fresh_input), sum(s.cache_read), sum(s.cache_write_5m), sum(s.cache_write_1h), sum(s.audio_input), sum(s.image_input),
        sum(s.text_output), sum(s.reasoning), sum(s.audio_output)] AS tokens,
    toString(sum(s.cost)) AS cost_,
    toString(sum(s.cost_other)) AS other_
FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS s
WHERE provider IN {providers:Array(String)}
GROUP BY day, model_
ORDER BY day, model_
