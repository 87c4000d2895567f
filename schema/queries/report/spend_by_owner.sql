-- Spend of [from, to) by parent, cost centre or owner: each day under who the tenant directory names for that day.
SELECT
    multiIf({dimension:String} = 'parent', d.parent, {dimension:String} = 'cost_centre', d.cost_centre, {dimension:String} = 'owner', d.owner, '') AS value,
    sum(s.calls) AS calls_,
    sum(s.errors) AS errors_,
    sum(s.unpriced_calls) AS unpriced_,
    sum(s.estimated_calls) AS estimated_,
    sum(s.fresh_input + s.cache_read + s.cache_write_5m + s.cache_write_1h + s.audio_input + s.image_input) AS input_,
    sum(s.text_output + s.reasoning + s.audio_output) AS output_,
    toString(sum(s.cost)) AS cost_,
    toString(sum(s.list_cost)) AS list_,
    toUInt64(0) AS cut_
FROM
(
    SELECT *, toString(tenant) AS who
    FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    WHERE {every:UInt8} = 1 OR tenant = {tenant:String}
) AS s
ASOF LEFT JOIN tenants_dated AS d ON s.who = d.tenant AND s.window >= d.since
GROUP BY value
