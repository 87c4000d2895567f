SELECT at AS time, concat(if(tenant = '', 'all', tenant), ': ', event) AS title, text
FROM
(
    SELECT at, toString(tenant) AS tenant, concat(rule, ' ', toString(state)) AS event, summary AS text
    FROM alert_events FINAL
    WHERE state IN ('firing', 'resolved', 'no_data') AND kind != 'watchdog'
    UNION ALL
    SELECT at, toString(tenant) AS tenant,
        concat(if(step IN ('frozen', 'unfrozen'), 'throttles ', 'throttle '), if(step = 'ineffective', 'without effect', toString(step)), if(dry_run = 1 AND step != 'dry_run', ' (dry run)', '')) AS event,
        reason AS text
    FROM throttle_events
    WHERE step IN ('acknowledged', 'effective', 'ineffective', 'lost', 'failed', 'released', 'expired', 'dry_run', 'frozen', 'unfrozen')
)
WHERE at >= toDateTime64($__fromTime, 3, 'UTC') AND at < toDateTime64($__toTime, 3, 'UTC')
ORDER BY time
LIMIT 500
