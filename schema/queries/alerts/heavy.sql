-- What has run away: traces, conversations, agents or keys that spent or called at least so much in a window, the most
-- expensive first. Some tenants have limits of their own. A limit of 0 doesn't limit.
WITH
    indexOf({tenants:Array(String)}, tenant) AS own,
    toDecimal128(if(own > 0, {tenant_usd:Array(String)}[own], {usd:String}), 12) AS most_usd,
    if(own > 0, {tenant_calls:Array(UInt64)}[own], {calls:UInt64}) AS most_calls
SELECT
    tenant,
    multiIf({dimension:String} = 'trace', lower(hex(trace_id)), {dimension:String} = 'conversation', conversation,
        {dimension:String} = 'agent', toString(agent), toString(key)) AS value,
    toString(sum(cost)) AS amount,
    count() AS all_calls,
    countIf(unpriced != '') AS without_price,
    toUnixTimestamp64Milli(max(received)) AS newest
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY tenant, value
HAVING value != '' AND ((most_usd > 0 AND sum(cost) >= most_usd) OR (most_calls > 0 AND all_calls >= most_calls))
ORDER BY sum(cost) DESC, tenant, value
LIMIT {most:UInt32}
