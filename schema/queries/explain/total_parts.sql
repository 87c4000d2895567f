-- What a tenant's calls of [from, to) are made of: one row per way of reading, pricing and attributing them. The sums of the
-- rows are the sum of the calls. An empty model is any.
SELECT
    toString(provider) AS provider_, toString(model) AS model_, toString(operation) AS operation_, toString(rule) AS rule_,
    toString(tenant_source) AS tenant_source_, toString(price_version) AS price_version_, toString(price_entry) AS price_entry_,
    toString(unpriced) AS unpriced_, bitAnd(flags, {inexact:UInt32}) != 0 AS inexact_, bitAnd(flags, {unseen:UInt32}) != 0 AS unseen_,
    count() AS calls_,
    CAST(sumMap(CAST(raw, 'Map(String, Int64)')), 'Map(String, Int64)') AS raw_,
    [sum(fresh_input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(audio_input), sum(image_input),
        sum(text_output), sum(reasoning), sum(audio_output)] AS usage_,
    [toString(sum(cost_input)), toString(sum(cost_cache_read)), toString(sum(cost_cache_write)), toString(sum(cost_output)),
        toString(sum(cost_reasoning)), toString(sum(cost_other))] AS costs_,
    toString(sum(cost)) AS cost_,
    (argMax((lower(hex(trace_id)), lower(hex(span_id))), (cost, trace_id, span_id)) AS dearest).1 AS trace_, dearest.2 AS span_
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
WHERE tenant = {tenant:String} AND ({model:String} = '' OR model = {model:String})
GROUP BY provider_, model_, operation_, rule_, tenant_source_, price_version_, price_entry_, unpriced_, inexact_, unseen_
ORDER BY sum(cost) DESC, provider_, model_, operation_, rule_, price_entry_, tenant_source_, price_version_, unpriced_, inexact_, unseen_
