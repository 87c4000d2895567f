INSERT INTO budgets
(name, tenant, scope, period, time_zone, amount, thresholds, throttle, body, removed, author, reason, at)
