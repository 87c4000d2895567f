-- Spend of every whole hour, per tenant: what forecasts stand on.
SELECT toString(tenant) AS who, toInt64(toUnixTimestamp(window)) AS hour, toString(sum(cost)) AS amount, sum(calls) AS n
FROM spend_hour(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY who, hour
