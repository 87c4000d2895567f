-- Episodes that fire now, and those that were resolved in the range, newest first.
SELECT
    tenant,
    rule,
    kind,
    toString(state) AS status,
    severity,
    crossed AS since,
    at AS changed,
    summary
FROM
(
    SELECT *
    FROM alert_events FINAL
    WHERE kind != 'watchdog'
    ORDER BY episode, sequence DESC
    LIMIT 1 BY episode
)
WHERE state != 'resolved' OR at >= toDateTime64($__fromTime, 3, 'UTC')
ORDER BY state = 'resolved', changed DESC, tenant, rule
LIMIT 200
