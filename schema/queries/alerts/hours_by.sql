-- As hours, by team or key.
SELECT tenant, value, toInt64(toUnixTimestamp(window)) AS hour, toString(sum(cost)) AS amount, sum(calls) AS all_calls
FROM spend_hour_by(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
WHERE dimension = {dimension:String} AND cut = 0
GROUP BY tenant, value, hour
