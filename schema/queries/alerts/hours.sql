-- Spend and calls of every whole hour of the history, per tenant: what is usual.
SELECT tenant, '' AS value, toInt64(toUnixTimestamp(window)) AS hour, toString(sum(cost)) AS amount, sum(calls) AS all_calls
FROM spend_hour(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY tenant, hour
