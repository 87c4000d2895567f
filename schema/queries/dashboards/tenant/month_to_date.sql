SELECT $spent AS spend
FROM $by_tenant(toDateTime(toStartOfMonth(now('UTC')), 'UTC'), now('UTC') + INTERVAL 1 HOUR)
WHERE tenant = unhex(${tenant:singlequote})
