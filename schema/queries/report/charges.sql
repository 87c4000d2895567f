-- A month's charges: a row per day, tenant, provider and model.
SELECT
    toDate(window) AS day, toString(tenant) AS tenant_, toString(provider) AS provider_, toString(model) AS model_,
    sum(s.calls) AS calls_,
    sum(unpriced_calls) AS unpriced_,
    sum(estimated_calls) AS estimated_,
    sum(reserved_calls) AS reserved_,
    [sum(s.fresh_input), sum(s.cache_read), sum(s.cache_write_5m), sum(s.cache_write_1h), sum(s.audio_input), sum(s.image_input),
        sum(s.text_output), sum(s.reasoning), sum(s.audio_output)] AS tokens,
    [toString(sum(cost_input)), toString(sum(cost_cache_read)), toString(sum(cost_cache_write)), toString(sum(cost_output)),
        toString(sum(cost_reasoning)), toString(sum(cost_other))] AS parts,
    toString(sum(s.cost)) AS cost_,
    toString(sum(list_cost)) AS list_
FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS s
WHERE {every:UInt8} = 1 OR tenant = {tenant:String}
GROUP BY day, tenant_, provider_, model_
ORDER BY day, tenant_, provider_, model_
