-- As closed_spend, by model.
SELECT tenant, toString(model) AS value, toString(sum(cost)) AS amount, sum(calls) AS all_calls, sum(unpriced_calls) AS without_price
FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY tenant, value
