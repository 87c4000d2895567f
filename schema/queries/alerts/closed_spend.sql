-- Spend of settled windows from the rollups: the part of a budget's period before the open minutes.
SELECT tenant, '' AS value, toString(sum(cost)) AS amount, sum(calls) AS all_calls, sum(unpriced_calls) AS without_price
FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY tenant
