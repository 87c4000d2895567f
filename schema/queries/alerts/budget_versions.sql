-- Every version of every budget, oldest first, with the server's clock beside it.
SELECT name, tenant, toString(period) AS every, time_zone, toString(amount) AS usd, arrayMap(t -> toInt32(t), thresholds) AS percents, body, author, reason, removed, at
FROM budgets
WHERE {name:String} = '' OR name = {name:String}
ORDER BY name, at
