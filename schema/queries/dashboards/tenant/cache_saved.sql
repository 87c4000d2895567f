SELECT sum(cache_saved) AS value FROM $by_tenant(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC')) WHERE tenant = unhex(${tenant:singlequote})
