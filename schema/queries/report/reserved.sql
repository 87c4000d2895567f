-- Who used reserved capacity in [from, to): the calls and tokens that it served.
SELECT
    toString(tenant) AS tenant_, toString(provider) AS provider_, toString(model) AS model_, toString(region) AS region_,
    sum(s.reserved_calls) AS calls_, sum(s.reserved_tokens) AS tokens_
FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS s
WHERE s.reserved_calls > 0
GROUP BY tenant_, provider_, model_, region_
ORDER BY tenant_, provider_, model_, region_
