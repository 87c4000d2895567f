-- Booked in the months that the range touches.
SELECT booked, original, provider, model, kind, cost, calls, reason, evidence
FROM adjustments_now
WHERE booked >= toStartOfMonth(toDate(toDateTime($__fromTime, 'UTC'))) AND booked <= toDate(toDateTime($__toTime, 'UTC') - 1)
  AND tenant = unhex(${tenant:singlequote})
ORDER BY booked DESC, abs(cost) DESC, original, provider, model, kind
LIMIT 1000
