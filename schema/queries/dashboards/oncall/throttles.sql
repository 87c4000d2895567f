-- One row per tenant or part of one, gateway and episode: how long each step took, and whether spend fell.
SELECT
    tenant,
    arrayStringConcat(arrayFilter(p -> p != '', [if(team = '', '', concat('team ', team)), if(key = '', '', concat('key ', key)), if(user = '', '', concat('user ', user)), if(model = '', '', concat('model ', model))]), ', ') AS part,
    gateway,
    rule,
    argMin(level, (sequence, at)) AS held,
    if(countIf(step IN ('ordered', 'dry_run')) = 0, NULL, minIf(at, step IN ('ordered', 'dry_run'))) AS ordered,
    if(countIf(step = 'acknowledged' AND level != 'release') = 0, NULL,
        toFloat64(minIf(at, step = 'acknowledged' AND level != 'release') - ordered)) AS `acknowledged after`,
    if(countIf(step = 'effective') = 0, NULL, toFloat64(minIf(at, step = 'effective') - ordered)) AS `effective after`,
    multiIf(maxIf(at, step = 'ineffective') > maxIf(at, step = 'effective'), 'without effect', countIf(step = 'effective') > 0, 'effective', max(dry_run) = 1, 'dry run',
        maxIf(at, step IN ('failed', 'lost')) > maxIf(at, step = 'acknowledged'), if(maxIf(at, step = 'lost') > maxIf(at, step = 'failed'), 'lost', 'failed'),
        countIf(step = 'acknowledged') > 0, 'not known yet', 'not delivered') AS effect,
    multiIf(countIf(step = 'released' OR level = 'release') > 0, 'released', countIf(step = 'expired') > 0 OR max(throttle_events.expires) < now64(3), 'expired',
        effect IN ('dry run', 'lost', 'failed', 'not delivered'), 'not in force', 'in force') AS status,
    max(throttle_events.expires) AS `expires`,
    argMin(author, (sequence, at)) AS author,
    argMin(reason, (sequence, at)) AS reason,
    hex(tenant) AS id
FROM throttle_events
WHERE at >= toDateTime64($__fromTime, 3, 'UTC') AND at < toDateTime64($__toTime, 3, 'UTC') AND step NOT IN ('frozen', 'unfrozen')
GROUP BY tenant, team, key, user, model, gateway, rule, episode
HAVING countIf(level != 'release') > 0
ORDER BY ordered DESC NULLS LAST, tenant, part
LIMIT 200
