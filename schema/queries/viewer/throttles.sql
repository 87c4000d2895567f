-- The newest command of every tenant and gateway: what it holds now, and what became of it.
SELECT
    tenant,
    level,
    status,
    rule,
    limits,
    `dry run`,
    issued,
    expires,
    author,
    reason
FROM
(
    SELECT
        tenant,
        level,
        multiIf(step IN ('released', 'expired', 'failed'), toString(step), expires < now64(3), 'expired', dry_run = 1, 'dry run', toString(step)) AS status,
        rule,
        arrayStringConcat(arrayMap((k, v) -> concat(k, ' ', toString(v)), mapKeys(limits), mapValues(limits)), ', ') AS limits,
        if(dry_run = 1, 'yes', '') AS `dry run`,
        issued,
        expires,
        author,
        reason
    FROM throttle_events
    ORDER BY tenant, gateway, sequence DESC, at DESC
    LIMIT 1 BY tenant, gateway
)
ORDER BY status IN ('released', 'expired', 'failed'), issued DESC, tenant
LIMIT 200
