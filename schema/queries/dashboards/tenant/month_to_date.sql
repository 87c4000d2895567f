SELECT $spent AS spend
FROM spend(from = toDateTime(toStartOfMonth(now('UTC')), 'UTC'), to = now('UTC') + INTERVAL 1 HOUR)
WHERE tenant = unhex(${tenant:singlequote})
