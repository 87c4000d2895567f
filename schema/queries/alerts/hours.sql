-- Spend of every whole hour of the history, per tenant: what is usual.
SELECT tenant, toInt64(toUnixTimestamp(window)) AS hour, toString(sum(cost)) AS amount
FROM spend_hour(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY tenant, hour
