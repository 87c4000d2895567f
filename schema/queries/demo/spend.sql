-- What the rollups say of every tenant.
SELECT tenant, sum(calls) AS all_calls, sum(errors) AS failed, sum(unpriced_calls) AS without_price, toString(sum(cost)) AS amount
FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY tenant
ORDER BY tenant
