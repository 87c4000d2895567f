SELECT if(sum(calls) = 0, 0, sum(errors) / sum(calls) * 100) AS value FROM $by_tenant(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC')) WHERE tenant = unhex(${tenant:singlequote})
