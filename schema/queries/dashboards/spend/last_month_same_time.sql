-- Up to the same day and time of last month as now; shorter months end at their end.
SELECT $spent AS spend
FROM spend(from = toDateTime(toStartOfMonth(now('UTC') - INTERVAL 1 MONTH), 'UTC'), to = now('UTC') - INTERVAL 1 MONTH)
