SELECT concat(if(sum(unpriced_calls) > 0, 'at least ', ''), '$', toString(round(sum(cost), if(sum(cost) < 1, 4, 2)))) AS spend
FROM spend(from = toDateTime(toStartOfMonth(now('UTC')), 'UTC'), to = now('UTC') + INTERVAL 1 HOUR)
WHERE tenant = unhex(${tenant:singlequote})
