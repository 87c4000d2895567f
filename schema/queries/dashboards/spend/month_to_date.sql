SELECT $spent AS spend
FROM $by_model(toDateTime(toStartOfMonth(now('UTC')), 'UTC'), now('UTC') + INTERVAL 1 HOUR)
