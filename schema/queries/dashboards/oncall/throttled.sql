-- Tenants of whom, or of a part of whom, the newest command is in force: acknowledged, whether it has an effect or not, not a dry run, not over.
SELECT uniqExact(tenant) AS value
FROM
(
    SELECT tenant, gateway, argMax(step, (sequence, at)) AS last, argMax(level, (sequence, at)) AS held, argMax(dry_run, (sequence, at)) AS dry,
        argMax(throttle_events.expires, (sequence, at)) AS until
    FROM throttle_events
    GROUP BY tenant, team, key, user, model, gateway
)
WHERE last IN ('acknowledged', 'effective', 'ineffective') AND dry = 0 AND held != 'release' AND until > now64(3)
