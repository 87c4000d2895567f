SELECT sum(cache_saved) AS value FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC')) WHERE tenant = unhex(${tenant:singlequote})
