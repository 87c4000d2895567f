-- Spend of [from, to) by one dimension that every total has, or by day.
SELECT
    multiIf({dimension:String} = 'tenant', toString(tenant), {dimension:String} = 'provider', toString(provider),
        {dimension:String} = 'model', toString(model), {dimension:String} = 'operation', toString(operation),
        {dimension:String} = 'service', toString(service), {dimension:String} = 'environment', toString(environment),
        {dimension:String} = 'region', toString(region), {dimension:String} = 'day', toString(toDate(window)), '') AS value,
    sum(s.calls) AS calls_,
    sum(s.errors) AS errors_,
    sum(unpriced_calls) AS unpriced_,
    sum(estimated_calls) AS estimated_,
    sum(fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input) AS input_,
    sum(text_output + reasoning + audio_output) AS output_,
    toString(sum(s.cost)) AS cost_,
    toString(sum(list_cost)) AS list_,
    toUInt64(0) AS cut_
FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS s
WHERE {every:UInt8} = 1 OR tenant = {tenant:String}
GROUP BY value
