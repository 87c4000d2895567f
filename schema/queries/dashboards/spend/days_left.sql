-- What is left of the monthly budgets at the rate of the last seven days.
WITH
    budget AS
    (
        SELECT toString(tenant) AS who, sum(amount) AS amount
        FROM budgets_now
        WHERE period = 'month' AND empty(scope) AND tenant != '*'
        GROUP BY who
    ),
    (SELECT sum(amount) FROM budget) AS whole
SELECT multiIf((SELECT count() FROM budget) = 0, 'no budget', whole <= sumIf(cost, month), 'used up', sumIf(cost, week) = 0, 'no spend in seven days',
    concat(toString(round(toFloat64(whole - sumIf(cost, month)) / toFloat64(sumIf(cost, week)) * 7, 1)), ' days')) AS value
FROM
(
    SELECT cost, window >= toDateTime(toStartOfMonth(now('UTC')), 'UTC') AS month, window >= toStartOfHour(now('UTC')) - INTERVAL 7 DAY AS week
    FROM spend(from = least(toDateTime(toStartOfMonth(now('UTC')), 'UTC'), toStartOfHour(now('UTC')) - INTERVAL 7 DAY), to = now('UTC') + INTERVAL 1 HOUR)
    WHERE tenant IN (SELECT who FROM budget)
)
