-- What was done for an episode, in order.
SELECT team, key, user, model, sequence, toString(step) AS what, toString(level) AS hardness, toString(gateway) AS place, mapApply((k, v) -> (k, toString(v)), limits) AS amounts, dry_run,
    author, reason, answer, expires, at
FROM throttle_events
WHERE tenant = {tenant:String} AND episode = {episode:UUID}
ORDER BY team, key, user, model, sequence, at, indexOf(['dry_run', 'ordered', 'acknowledged', 'effective', 'failed', 'released', 'expired'], step)
