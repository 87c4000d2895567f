-- As closed_spend, by team or key, in whole hours.
SELECT tenant, value, toString(sum(cost)) AS amount, sum(calls) AS all_calls, sum(unpriced_calls) AS without_price
FROM spend_by(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
WHERE dimension = {dimension:String} AND cut = 0
GROUP BY tenant, value
