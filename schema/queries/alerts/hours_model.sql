-- As hours, by model.
SELECT tenant, toString(model) AS value, toInt64(toUnixTimestamp(window)) AS hour, toString(sum(cost)) AS amount, sum(calls) AS all_calls
FROM spend_hour(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY tenant, value, hour
