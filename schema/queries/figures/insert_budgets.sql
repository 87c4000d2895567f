INSERT INTO budget_states (name, tenant, scope, period, time_zone, begins, ends, amount, spent, week, at_least, source, at)
