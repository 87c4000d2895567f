SELECT concat(toString(sum(calls)), ' calls, ', $usd(sum(cost))) AS value
FROM adjustments_now
WHERE kind = 'late_call' AND booked >= toStartOfMonth(toDate(toDateTime($__fromTime, 'UTC'))) AND booked <= toDate(toDateTime($__toTime, 'UTC') - 1)
