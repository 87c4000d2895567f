-- Every version of every budget, the newest first.
SELECT name, tenant, toString(period) AS period, amount, if(removed = 1, 'removed', '') AS note, author, reason, at AS since
FROM budgets
ORDER BY name, at DESC
LIMIT 500
