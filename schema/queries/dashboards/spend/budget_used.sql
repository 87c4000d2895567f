SELECT
    if(budget = 0, 0, toFloat64((SELECT sum(cost) FROM spend(from = toDateTime(toStartOfMonth(now('UTC')), 'UTC'), to = now('UTC') + INTERVAL 1 HOUR))) / toFloat64(budget) * 100) AS used
FROM (SELECT sum(amount) AS budget FROM budgets_now WHERE period = 'month')
