SELECT if(sum(s.calls) = 0, NULL, toFloat64(sum(cost)) / sum(s.calls) * 1000) AS value
FROM $by_tenant(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC')) AS s
WHERE tenant = unhex(${tenant:singlequote})
