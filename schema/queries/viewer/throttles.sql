-- The newest command of every tenant, or part of one, and gateway: what it holds now, and what became of it.
SELECT
    tenant,
    part,
    level,
    status,
    rule,
    limits,
    `dry run`,
    issued,
    expires,
    author,
    reason,
    team,
    key,
    user,
    model
FROM
(
    SELECT
        tenant,
        arrayStringConcat(arrayFilter(p -> p != '', [if(team = '', '', concat('team ', team)), if(key = '', '', concat('key ', key)), if(user = '', '', concat('user ', user)), if(model = '', '', concat('model ', model))]), ', ') AS part,
        level,
        multiIf(step IN ('released', 'expired'), toString(step), expires < now64(3), 'expired', dry_run = 1, 'dry run', step = 'ineffective', 'without effect', toString(step)) AS status,
        rule,
        concat(arrayStringConcat(arrayMap((k, v) -> concat(toString(v), ' ', if(k = 'usd', 'USD', k)), mapKeys(mapFilter((k, v) -> k != 'per_seconds', limits)), mapValues(mapFilter((k, v) -> k != 'per_seconds', limits))), ', '),
            if(mapContains(limits, 'per_seconds'), concat(' in ', toString(limits['per_seconds']), ' s'), '')) AS limits,
        if(dry_run = 1, 'yes', '') AS `dry run`,
        issued,
        expires,
        author,
        reason,
        team,
        key,
        user,
        model
    FROM throttle_events
    WHERE step NOT IN ('frozen', 'unfrozen')
    ORDER BY tenant, team, key, user, model, gateway, sequence DESC, at DESC
    LIMIT 1 BY tenant, team, key, user, model, gateway
)
ORDER BY status IN ('released', 'expired', 'failed'), issued DESC, tenant, part
LIMIT 200
