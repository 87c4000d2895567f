-- An episode that fires and one that is over, the throttle that belongs to it, and budgets with their history.
INSERT INTO alert_events (episode, sequence, rule, kind, tenant, state, severity, value, threshold, summary, crossed, at) VALUES
    ('11111111-1111-1111-1111-111111111111', 1, 'spike', 'spike', 'umbrella-batch', 'firing', 'critical', 1.34, 0.2, 'umbrella-batch spends 1.34 USD a minute, 9 times as fast as at this hour of the week', now64(3) - 240, now64(3) - 239),
    ('22222222-2222-2222-2222-222222222222', 1, 'month budget', 'budget', 'acme-support', 'firing', 'warning', 812.4, 800, 'acme-support has used 81 % of its month, 1,000 USD', now64(3) - 7200, now64(3) - 7199),
    ('22222222-2222-2222-2222-222222222222', 2, 'month budget', 'budget', 'acme-support', 'resolved', 'warning', 812.4, 800, 'acme-support has used 81 % of its month, 1,000 USD', now64(3) - 7200, now64(3) - 3600);

INSERT INTO throttle_events (tenant, sequence, step, level, gateway, episode, rule, limits, author, reason, answer, issued, expires, at) VALUES
    ('umbrella-batch', 7, 'ordered', 'slow', 'gateway', '11111111-1111-1111-1111-111111111111', 'spike', {'requests': 30}, 'tollkeeper', 'spends 9 times as fast as usual', '', now64(3) - 238, now64(3) + 600, now64(3) - 238),
    ('umbrella-batch', 7, 'effective', 'slow', 'gateway', '11111111-1111-1111-1111-111111111111', 'spike', {'requests': 30}, 'tollkeeper', 'spends 9 times as fast as usual', '200', now64(3) - 238, now64(3) + 600, now64(3) - 220),
    ('initech-agents', 4, 'released', 'cap', 'gateway', '33333333-3333-3333-3333-333333333333', 'day budget', {}, 'ann', 'agreed with the team', '200', now64(3) - 9000, now64(3) - 8000, now64(3) - 8100);

INSERT INTO budgets (name, tenant, period, amount, author, reason, at) VALUES
    ('acme-month', 'acme-support', 'month', 800, 'finance', 'the year''s plan', now64(3) - 4000000),
    ('acme-month', 'acme-support', 'month', 1000, 'finance', 'two more teams', now64(3) - 90000),
    ('initech-day', 'initech-agents', 'day', 40, 'ann', 'after the runaway of August', now64(3) - 800000);
