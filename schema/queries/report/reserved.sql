-- Who used reserved capacity: the tokens that it served.
SELECT
    toString(tenant) AS tenant_, toString(provider) AS provider_, toString(model) AS model_, toString(region) AS region_,
    sum(reserved_tokens) AS tokens_
FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
WHERE reserved_calls > 0
GROUP BY tenant_, provider_, model_, region_
ORDER BY tenant_, provider_, model_, region_
