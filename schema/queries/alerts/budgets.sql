-- Budgets as they stand, for the rules.
SELECT name, tenant, toString(period) AS every, time_zone, toString(amount) AS usd, arrayMap(t -> toInt32(t), thresholds) AS percents, body, author, reason, removed, at
FROM budgets_now
ORDER BY name
