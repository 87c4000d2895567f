SELECT sum(calls) AS value FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC')) WHERE tenant = unhex(${tenant:singlequote})
