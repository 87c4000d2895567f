SELECT
    toStartOfInterval(window, toIntervalSecond($step)) AS time,
    sum(s.calls - s.errors) / $step AS answered,
    sum(s.errors - s.rate_limited) / $step AS failed,
    sum(s.rate_limited) / $step AS `rate limited`
FROM $by_tenant_steps(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), $step) AS s
WHERE tenant = unhex(${tenant:singlequote})
GROUP BY time
ORDER BY time
