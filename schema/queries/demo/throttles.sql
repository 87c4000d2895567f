-- Every step of every throttle command since a time, oldest first.
SELECT toString(episode) AS id, rule, tenant, sequence, step, level, gateway, dry_run, reason, answer, expires, at
FROM throttle_events
WHERE at >= {from:DateTime64(3, 'UTC')}
ORDER BY at, sequence
