SELECT tenant, model, unpriced AS reason, count() AS calls
FROM calls(from = greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 7 DAY), to = toDateTime($__toTime, 'UTC'))
WHERE unpriced != ''
GROUP BY tenant, model, reason
ORDER BY calls DESC
LIMIT 100
