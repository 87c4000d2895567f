-- Episodes that fire now and those that changed in the range, newest first.
SELECT
    tenant,
    rule,
    kind,
    status,
    severity,
    since,
    changed,
    effect,
    summary,
    hex(tenant) AS id
FROM
(
    SELECT episode, toString(tenant) AS tenant, toString(rule) AS rule, toString(kind) AS kind, toString(state) AS status, toString(severity) AS severity,
        crossed AS since, at AS changed, summary
    FROM alert_events FINAL
    WHERE kind != 'watchdog'
    ORDER BY episode, sequence DESC
    LIMIT 1 BY episode
) AS e
LEFT JOIN
(
    SELECT episode,
        multiIf(maxIf(at, step = 'ineffective') > maxIf(at, step = 'effective'), 'throttled, without effect', countIf(step = 'effective') > 0, 'throttled, effective',
            countIf(step = 'acknowledged') > 0 AND max(dry_run) = 0, 'throttled', countIf(step = 'dry_run') > 0 OR max(dry_run) = 1, 'dry run', 'throttle failed') AS effect
    FROM throttle_events
    WHERE level != 'release'
    GROUP BY episode
) AS t USING (episode)
WHERE status != 'resolved' OR changed >= toDateTime64($__fromTime, 3, 'UTC')
ORDER BY status = 'resolved', changed DESC, tenant, rule
LIMIT 200
