SELECT
    service,
    environment,
    sum(cost) AS spend,
    if(sum(unpriced_calls) > 0, 'at least', '') AS note,
    toFloat64(spend) / nullIf(toFloat64(sum(spend) OVER ()), 0) * 100 AS share,
    sum(s.calls) AS calls,
    sum(unpriced_calls) AS unpriced
FROM $spend(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC')) AS s
WHERE tenant = unhex(${tenant:singlequote})
GROUP BY service, environment
ORDER BY spend DESC, service, environment
