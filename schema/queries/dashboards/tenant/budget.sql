WITH (SELECT sum(amount) FROM budgets_now WHERE period = 'month' AND empty(scope) AND tenant = unhex(${tenant:singlequote})) AS budgeted
SELECT if(budgeted = 0, 'no budget', concat(if(sum(unpriced_calls) > 0, 'at least ', ''),
    toString(toUInt64(floor(toFloat64(sum(cost)) / toFloat64(budgeted) * 100))), ' % of ', $usd(budgeted))) AS value
FROM spend(from = toDateTime(toStartOfMonth(now('UTC')), 'UTC'), to = now('UTC') + INTERVAL 1 HOUR)
WHERE tenant = unhex(${tenant:singlequote})
