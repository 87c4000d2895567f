-- Per subject: the highest sequence ever ordered at this gateway, and the newest enforced command that was acknowledged.
SELECT
    tenant, team, key, user, model,
    max(sequence) AS highest,
    argMaxIf(sequence, sequence, step = 'acknowledged' AND dry_run = 0) AS held,
    argMaxIf(level, sequence, step = 'acknowledged' AND dry_run = 0) AS held_level,
    argMaxIf(rule, sequence, step = 'acknowledged' AND dry_run = 0) AS held_rule,
    toString(argMaxIf(episode, sequence, step = 'acknowledged' AND dry_run = 0)) AS held_episode,
    argMaxIf(mapApply((k, v) -> (k, toString(v)), limits), sequence, step = 'acknowledged' AND dry_run = 0) AS held_limits,
    argMaxIf(issued, sequence, step = 'acknowledged' AND dry_run = 0) AS held_issued,
    argMaxIf(expires, sequence, step = 'acknowledged' AND dry_run = 0) AS held_expires,
    maxIf(sequence, step IN ('released', 'expired')) AS ended
FROM throttle_events
WHERE gateway = {gateway:String} AND sequence > 0
GROUP BY tenant, team, key, user, model
