-- What has run away: traces, conversations, agents or keys that spent or called at least so much in a window, the most
-- expensive first. A limit of 0 doesn't limit.
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
HAVING value != '' AND ((toDecimal128({usd:String}, 12) > 0 AND sum(cost) >= toDecimal128({usd:String}, 12))
    OR ({calls:UInt64} > 0 AND all_calls >= {calls:UInt64}))
ORDER BY sum(cost) DESC, tenant, value
LIMIT {most:UInt32}
