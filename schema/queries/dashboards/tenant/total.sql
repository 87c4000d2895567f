SELECT $spent AS spend
FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
WHERE tenant = unhex(${tenant:singlequote})
