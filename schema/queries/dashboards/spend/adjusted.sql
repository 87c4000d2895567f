SELECT concat($usd(sum(cost)), ' in ', toString(count()), if(count() = 1, ' adjustment', ' adjustments')) AS value
FROM adjustments_now
WHERE booked >= toStartOfMonth(toDate(toDateTime($__fromTime, 'UTC'))) AND booked <= toDate(toDateTime($__toTime, 'UTC') - 1)
