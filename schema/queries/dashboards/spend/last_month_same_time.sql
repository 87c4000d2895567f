-- Up to the same day and time of last month as now; shorter months end at their end.
SELECT $spent AS spend
FROM $by_model(toDateTime(toStartOfMonth(now('UTC') - INTERVAL 1 MONTH), 'UTC'), now('UTC') - INTERVAL 1 MONTH)
