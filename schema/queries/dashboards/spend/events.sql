SELECT at, tenant, event, rule, text
FROM
(
    SELECT at, toString(tenant) AS tenant, toString(state) AS event, toString(rule) AS rule, summary AS text FROM alert_events FINAL WHERE kind != 'watchdog'
    UNION ALL
    SELECT at, toString(tenant) AS tenant, concat('throttle ', toString(step), if(dry_run = 1, ' (dry run)', '')) AS event, toString(rule) AS rule, reason AS text
    FROM throttle_events
)
WHERE at >= toDateTime64($__fromTime, 3, 'UTC') AND at < toDateTime64($__toTime, 3, 'UTC')
ORDER BY at DESC
LIMIT 200
