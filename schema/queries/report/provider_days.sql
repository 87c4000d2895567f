-- What the ledger says of a provider, by day and model, to hold against its invoice.
SELECT
    toDate(window) AS day, toString(model) AS model_,
    sum(s.calls) AS calls_,
    sum(unpriced_calls) AS unpriced_,
    sum(fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input) AS input_,
    sum(text_output + reasoning + audio_output) AS output_,
    toString(sum(s.cost)) AS cost_
FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS s
WHERE provider IN {providers:Array(String)}
GROUP BY day, model_
ORDER BY day, model_
