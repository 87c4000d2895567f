-- Booked in the months that the range touches.
SELECT booked, original, tenant, provider, model, kind, cost, calls, author, reason, evidence
FROM adjustments_now
WHERE booked >= toStartOfMonth(toDate(toDateTime($__fromTime, 'UTC'))) AND booked <= toDate(toDateTime($__toTime, 'UTC') - 1)
ORDER BY booked DESC, abs(cost) DESC, original, tenant, provider, model, kind
LIMIT 1000
