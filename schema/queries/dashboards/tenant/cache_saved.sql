SELECT sum(cache_saved) AS value FROM $spend(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC')) WHERE tenant = unhex(${tenant:singlequote})
