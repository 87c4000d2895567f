-- What a rule renews is told once, where it began.
SELECT at AS time, concat(if(tenant = '', 'all', tenant), ': ', event) AS title, text
FROM
(
    SELECT at, toString(tenant) AS tenant, concat(rule, ' ', toString(state)) AS event, summary AS text
    FROM alert_events FINAL
    WHERE state IN ('firing', 'resolved', 'no_data') AND kind != 'watchdog'
    UNION ALL
    SELECT min(t.at) AS at, toString(t.tenant) AS tenant,
        concat(if(t.step IN ('frozen', 'unfrozen'), 'throttles ', 'throttle '), if(t.step = 'ineffective', 'without effect', toString(t.step)), if(t.dry_run = 1 AND t.step != 'dry_run', ' (dry run)', '')) AS event,
        argMin(t.reason, t.at) AS text
    FROM throttle_events AS t
    WHERE t.at >= toDateTime64($__fromTime, 3, 'UTC') - INTERVAL 1 DAY AND t.at < toDateTime64($__toTime, 3, 'UTC') AND t.step != 'ordered'
    GROUP BY tenant, t.step, t.dry_run, t.episode, t.level, t.team, t.key, t.user, t.model, if(t.author = 'alerts' AND t.step IN ('ordered', 'acknowledged'), 0, t.sequence)
)
WHERE at >= toDateTime64($__fromTime, 3, 'UTC') AND at < toDateTime64($__toTime, 3, 'UTC')
ORDER BY time
LIMIT 500
