-- A month's charges: a row per day, tenant, provider, model and region.
SELECT
    toDate(window) AS day, toString(tenant) AS tenant_, toString(provider) AS provider_, toString(model) AS model_, toString(region) AS region_,
    sum(s.calls) AS calls_,
    sum(unpriced_calls) AS unpriced_,
    sum(estimated_calls) AS estimated_,
    sum(reserved_calls) AS reserved_,
    [sum(fresh_input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(audio_input), sum(image_input),
        sum(text_output), sum(reasoning), sum(audio_output)] AS tokens,
    [toString(sum(cost_input)), toString(sum(cost_cache_read)), toString(sum(cost_cache_write)), toString(sum(cost_output)),
        toString(sum(cost_reasoning)), toString(sum(cost_other))] AS parts,
    toString(sum(s.cost)) AS cost_,
    toString(sum(list_cost)) AS list_
FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS s
WHERE {every:UInt8} = 1 OR tenant = {tenant:String}
GROUP BY day, tenant_, provider_, model_, region_
ORDER BY day, tenant_, provider_, model_, region_
