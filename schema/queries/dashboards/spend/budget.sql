-- Monthly budgets of whole tenants, and what these tenants spent this month.
WITH budget AS
(
    SELECT toString(tenant) AS who, sum(amount) AS amount
    FROM budgets_now
    WHERE period = 'month' AND empty(scope) AND tenant != '*'
    GROUP BY who
)
SELECT if((SELECT count() FROM budget) = 0, 'no budget', concat(if(sum(unpriced_calls) > 0, 'at least ', ''),
    toString(toUInt64(floor(toFloat64(sum(cost)) / toFloat64((SELECT sum(amount) FROM budget)) * 100))), ' % of ', $usd((SELECT sum(amount) FROM budget)))) AS value
FROM spend(from = toDateTime(toStartOfMonth(now('UTC')), 'UTC'), to = now('UTC') + INTERVAL 1 HOUR)
WHERE tenant IN (SELECT who FROM budget)
