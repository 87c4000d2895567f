-- A throttle's life: what was ordered for one subject in one episode, or by one act of a person, from order to end. Times
-- that haven't come are 1970.
SELECT
    tenant, team, key, user, model,
    gateway,
    toString(episode) AS id,
    argMaxIf(level, sequence, level != 'release') AS hardest,
    argMin(rule, sequence) AS by_rule,
    argMin(author, (sequence, at)) AS by_author,
    argMin(reason, (sequence, at)) AS why,
    arrayStringConcat(arrayMap((k, v) -> concat(k, ' ', toString(v)), mapKeys(argMaxIf(limits, sequence, level != 'release') AS newest), mapValues(newest)), ', ') AS bounds,
    min(dry_run) AS dry,
    uniqExact(sequence) AS commands,
    minIf(at, step IN ('ordered', 'dry_run')) AS ordered,
    minIf(at, step = 'acknowledged' AND level != 'release') AS acknowledged,
    maxIf(at, step = 'effective') AS effective,
    maxIf(at, step = 'ineffective') AS ineffective,
    maxIf(at, step = 'released') AS released,
    maxIf(at, step = 'expired') AS expired,
    maxIf(expires, step = 'acknowledged' AND level != 'release') AS lease,
    argMaxIf(answer, at, step IN ('failed', 'lost', 'dry_run')) AS trouble,
    maxIf(at, step IN ('failed', 'lost')) AS failed,
    argMaxIf(author, at, step = 'released') AS ended_by,
    argMaxIf(reason, at, step = 'released') AS ended_why
FROM throttle_events
WHERE sequence > 0
GROUP BY tenant, team, key, user, model, gateway, episode
HAVING max(at) >= {from:DateTime64(3, 'UTC')}
ORDER BY ordered DESC, tenant, id
LIMIT 1000
