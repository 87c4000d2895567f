SELECT at AS time, concat(tenant, ': ', event) AS title, text
FROM
(
    SELECT at, toString(tenant) AS tenant, concat(rule, ' ', toString(state)) AS event, summary AS text
    FROM alert_events FINAL
    WHERE state IN ('firing', 'resolved', 'no_data') AND kind != 'watchdog'
    UNION ALL
    SELECT at, toString(tenant) AS tenant,
        concat('throttle ', if(step = 'failed' AND startsWith(answer, 'no effect'), 'without effect', toString(step)), if(dry_run = 1 AND step != 'dry_run', ' (dry run)', '')) AS event,
        reason AS text
    FROM throttle_events
    WHERE step IN ('acknowledged', 'effective', 'failed', 'released', 'expired', 'dry_run')
)
WHERE at >= toDateTime64($__fromTime, 3, 'UTC') AND at < toDateTime64($__toTime, 3, 'UTC')
ORDER BY time
LIMIT 500
