SELECT
    provider,
    model,
    operation,
    sum(cost) AS spend,
    if(sum(unpriced_calls) > 0, 'at least', '') AS note,
    toFloat64(spend) / nullIf(toFloat64(sum(spend) OVER ()), 0) * 100 AS share,
    sum(s.calls) AS calls,
    sum(unpriced_calls) AS unpriced,
    toFloat64(spend) / calls * 1000 AS `per 1,000 calls`
FROM $spend(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC')) AS s
WHERE tenant = unhex(${tenant:singlequote})
GROUP BY provider, model, operation
ORDER BY spend DESC, provider, model, operation
