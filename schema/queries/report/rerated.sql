-- Spend of [from, to) as totals have it, what re-rates put into it, and what they changed in all: the rest is of months that were
-- closed before, and is an adjustment.
SELECT value, toUInt64(sum(calls_)), toUInt64(sum(unpriced_)), toString(sum(cost_)), toString(sum(included_)), toString(sum(changed_))
FROM
(
    SELECT multiIf({dimension:String} = 'tenant', toString(tenant), {dimension:String} = 'provider', toString(provider), {dimension:String} = 'model', toString(model),
            toString(toDate(window))) AS value,
        sum(calls) AS calls_, sum(unpriced_calls) AS unpriced_, sum(cost) AS cost_, toDecimal128(0, 12) AS included_, toDecimal128(0, 12) AS changed_
    FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    WHERE {every:UInt8} = 1 OR tenant = {tenant:String}
    GROUP BY value
    UNION ALL
    SELECT multiIf({dimension:String} = 'tenant', tenant, {dimension:String} = 'provider', provider, {dimension:String} = 'model', model, toString(toDate(hour))) AS value,
        0 AS calls_, 0 AS unpriced_, toDecimal128(0, 12) AS cost_, sumIf(after - before, included) AS included_, sum(after - before) AS changed_
    FROM rerated(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    WHERE {every:UInt8} = 1 OR tenant = {tenant:String}
    GROUP BY value
)
GROUP BY value
ORDER BY value
