-- Budgets with their history, an episode of one, and what the dashboards role writes, all from the totals: budgets' states, a forecast, the
-- chargeback by owner. acme-support has used 82 % of its month, initech-agents 60 % of its day.
INSERT INTO budgets (name, tenant, period, amount, author, reason, at)
SELECT b.1, b.2, b.3, toDecimal128(round(toFloat64(if(b.3 = 'month', month, day)) * b.4 + 0.01, 2), 12), b.5, b.6, now64(3) - b.7
FROM
(
    SELECT sumIf(cost, tenant = 'acme-support' AND window >= toStartOfMonth(now('UTC'))) AS month, sumIf(cost, tenant = 'initech-agents' AND window >= toStartOfDay(now('UTC'))) AS day
    FROM spend(from = toDateTime(toStartOfMonth(now('UTC')), 'UTC'), to = now('UTC') + INTERVAL 1 HOUR)
)
ARRAY JOIN [('acme-month', 'acme-support', 'month', 0.9, 'finance', 'the year''s plan', 4000000), ('acme-month', 'acme-support', 'month', 1 / 0.82, 'finance', 'two more teams', 90000),
    ('initech-day', 'initech-agents', 'day', 1 / 0.6, 'ann', 'after the runaway of August', 800000)] AS b;

INSERT INTO alert_events (episode, sequence, rule, kind, tenant, state, severity, value, threshold, summary, crossed, at)
SELECT '22222222-2222-2222-2222-222222222222', n, 'acme-month', 'budget', tenant, ['firing', 'resolved'][n], 'warning', amount * 4 / 5, amount * 4 / 5,
    concat(tenant, ' has used 80 % of its month, ', toString(amount), ' USD'), now64(3) - 7200, now64(3) - [7199, 3600][n]
FROM (SELECT toString(tenant) AS tenant, amount, arrayJoin([1, 2]) AS n FROM budgets_now WHERE name = 'acme-month');

INSERT INTO tenants (tenant, display_name, parent, cost_centre, owner, time_zone, valid_from) VALUES
    ('acme-support', 'Acme support', 'Customers', 'CC-100', 'ann', 'Europe/Berlin', '2026-01-01 00:00:00'),
    ('globex-search', 'Globex search', 'Customers', 'CC-100', 'bob', '', '2026-01-01 00:00:00'),
    ('hooli-docs', 'Hooli docs', 'Customers', 'CC-200', 'bob', '', '2026-01-01 00:00:00'),
    ('initech-agents', 'Initech agents', 'Research', 'CC-300', 'eve', 'America/New_York', '2026-01-01 00:00:00'),
    ('umbrella-batch', 'Umbrella batch', 'Research', 'CC-300', 'eve', '', '2026-01-01 00:00:00');

INSERT INTO budget_states (name, tenant, scope, period, time_zone, begins, ends, amount, spent, week, at_least, source, at)
SELECT name, b.tenant, map(), period, zone, from, from + long, amount, if(period = 'month', s.month, s.day), s.week, 1, source, now64(3)
FROM
(
    SELECT x.1 AS name, x.2 AS tenant, x.3 AS period, x.4 AS zone, if(x.6 = 'database', b.amount, toDecimal128(x.5, 12)) AS amount, x.6 AS source,
        if(period = 'month', toDateTime(toStartOfMonth(now('UTC')), 'UTC'), toStartOfDay(now('UTC'))) AS from, if(period = 'month', 30, 1) * 86400 AS long
    FROM (SELECT arrayJoin([('acme-month', 'acme-support', 'month', 'Europe/Berlin', 0, 'database'), ('initech-day', 'initech-agents', 'day', 'America/New_York', 0, 'database'),
        ('everyone-month', 'globex-search', 'month', 'UTC', 480, 'configuration'), ('everyone-month', 'hooli-docs', 'month', 'UTC', 480, 'configuration')]) AS x, x.1 AS key) AS list
    LEFT JOIN budgets_now AS b ON b.name = list.key
) AS b
LEFT JOIN
(
    SELECT toString(tenant) AS tenant, sumIf(cost, window >= toStartOfMonth(now('UTC'))) AS month, sumIf(cost, window >= toStartOfDay(now('UTC'))) AS day, sumIf(cost, window >= now('UTC') - INTERVAL 7 DAY) AS week
    FROM spend(from = now('UTC') - INTERVAL 32 DAY, to = now('UTC') + INTERVAL 1 HOUR)
    GROUP BY tenant
) AS s ON s.tenant = b.tenant;

INSERT INTO chargebacks (month, tenant, name, parent, cost_centre, owner, at_least, calls, own, adjusted, shared, reserved, total, at)
SELECT toStartOfMonth(toDate(now('UTC'))), s.tenant, t.display_name, t.parent, t.cost_centre, t.owner, max(s.unpriced_calls) > 0, sum(s.calls), sum(s.cost), 0, 0, 0, sum(s.cost), now64(3)
FROM spend(from = toDateTime(toStartOfMonth(now('UTC')), 'UTC'), to = now('UTC') + INTERVAL 1 HOUR) AS s
LEFT JOIN tenants AS t ON t.tenant = s.tenant
GROUP BY s.tenant, t.display_name, t.parent, t.cost_centre, t.owner;

INSERT INTO forecasts (month, tenant, low, likely, high, how, at)
SELECT toStartOfMonth(toDate(now('UTC'))), who, spent * 9 / 8, spent * 10 / 8, spent * 12 / 8, 'usual hours', now64(3)
FROM
(
    SELECT arrayJoin(['*', toString(tenant)]) AS who, sum(cost) AS spent
    FROM spend(from = toDateTime(toStartOfMonth(now('UTC')), 'UTC'), to = now('UTC') + INTERVAL 1 HOUR)
    GROUP BY who
)
