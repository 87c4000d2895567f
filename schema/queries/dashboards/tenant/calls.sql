SELECT sum(calls) AS value FROM $by_tenant(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC')) WHERE tenant = unhex(${tenant:singlequote})
