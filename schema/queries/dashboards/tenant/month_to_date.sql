SELECT $spent AS spend
FROM $spend(toDateTime(toStartOfMonth(now('UTC')), 'UTC'), now('UTC') + INTERVAL 1 HOUR)
WHERE tenant = unhex(${tenant:singlequote})
