-- What a month's days came to, with a hash over tenants and models, and what was booked in it for other months.
SELECT toUInt64(sum(calls_)), toString(sum(cost_)), toUInt64(sum(unpriced_)),
    lower(hex(sipHash64(arrayStringConcat(arraySort(groupArray(concat(tenant_, '\t', provider_, '\t', model_, '\t', toString(calls_), '\t', toString(cost_)))), '\n')))),
    (SELECT toString(sum(cost)) FROM adjustments_now WHERE booked >= toDate({from:DateTime('UTC')}) AND booked < toDate({to:DateTime('UTC')}))
FROM
(
    SELECT toString(tenant) AS tenant_, toString(provider) AS provider_, toString(model) AS model_, sum(calls) AS calls_, sum(cost) AS cost_, sum(unpriced_calls) AS unpriced_
    FROM spend_day(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    GROUP BY tenant, provider, model
)
