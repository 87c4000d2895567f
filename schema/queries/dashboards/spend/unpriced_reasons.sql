-- Calls that reserved capacity serves, or that bill otherwise, have no price of their own and are not missing one.
SELECT tenant, model, unpriced AS reason, count() AS calls, max(start) AS last
FROM calls(from = greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 7 DAY), to = toDateTime($__toTime, 'UTC'))
WHERE $unpriced
GROUP BY tenant, model, reason
ORDER BY calls DESC, tenant, model, reason
LIMIT 100
