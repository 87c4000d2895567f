-- What was done for episodes, in order.
SELECT tenant, episode, team, key, user, model, sequence, toString(step) AS what, toString(level) AS hardness, toString(gateway) AS place, mapApply((k, v) -> (k, toString(v)), limits) AS amounts, dry_run,
    author, reason, answer, expires, at
FROM throttle_events
WHERE tenant IN {tenants:Array(String)} AND episode IN {episodes:Array(UUID)}
ORDER BY tenant, episode, team, key, user, model, sequence, at, indexOf(['dry_run', 'ordered', 'acknowledged', 'effective', 'failed', 'released', 'expired'], step)
