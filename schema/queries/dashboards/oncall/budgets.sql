-- Budgets of whole tenants as they stand, in UTC; a budget of every tenant ("*") has a row for each.
WITH
    now('UTC') AS here,
    spent AS
    (
        SELECT toString(tenant) AS who, window, sum(s.cost) AS cost, sum(unpriced_calls) AS unpriced
        FROM spend(from = least(toStartOfMonth(now('UTC')), toMonday(now('UTC'))), to = now('UTC') + INTERVAL 1 MINUTE) AS s
        GROUP BY who, window
    ),
    budget AS
    (
        SELECT name, arrayJoin(if(tenant = '*', (SELECT groupUniqArray(who) FROM spent), [toString(tenant)])) AS who, toString(period) AS length, amount,
            toDateTime(multiIf(length = 'hour', toStartOfHour(here), length = 'day', toStartOfDay(here), length = 'week', toDateTime(toMonday(here), 'UTC'),
                toDateTime(toStartOfMonth(here), 'UTC')), 'UTC') AS begins,
            toDateTime(multiIf(length = 'hour', begins + INTERVAL 1 HOUR, length = 'day', begins + INTERVAL 1 DAY, length = 'week', begins + INTERVAL 7 DAY,
                begins + INTERVAL 1 MONTH), 'UTC') AS ends
        FROM budgets_now
        WHERE empty(scope)
    )
SELECT
    b.name AS budget,
    b.who AS tenant,
    b.length AS period,
    any(b.amount) AS `budgeted`,
    sumIf(s.cost, s.window >= b.begins) AS spent,
    toFloat64(spent) / nullIf(toFloat64(budgeted), 0) * 100 AS `used %`,
    any(dateDiff('second', b.begins, here) / dateDiff('second', b.begins, b.ends)) * 100 AS `elapsed %`,
    `used %` / nullIf(`elapsed %`, 0) AS burn,
    budgeted - spent AS left,
    if(left <= 0, 0, toFloat64(left) / nullIf(toFloat64(spent), 0) * any(dateDiff('second', b.begins, here)) / 86400) AS `days left`,
    if(sumIf(s.unpriced, s.window >= b.begins) > 0, 'at least', '') AS note,
    hex(b.who) AS id
FROM budget AS b
LEFT JOIN spent AS s ON s.who = b.who
WHERE b.who != ''
GROUP BY budget, tenant, period, id
ORDER BY burn DESC, budget, tenant
LIMIT 200
