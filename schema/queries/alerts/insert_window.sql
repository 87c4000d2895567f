INSERT INTO alert_windows
(id, begins, ends, tenants, rules, removed, author, reason, at)
