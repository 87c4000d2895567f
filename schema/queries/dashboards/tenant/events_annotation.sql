-- What a rule renews is told once, where it began.
SELECT at AS time, event AS title, text
FROM
(
    SELECT at, toString(tenant) AS tenant, toString(state) AS event, toString(rule) AS rule, summary AS text FROM alert_events FINAL
    UNION ALL
    SELECT min(t.at) AS at, toString(t.tenant) AS tenant, concat('throttle ', toString(t.step), if(t.dry_run = 1, ' (dry run)', '')) AS event, toString(any(t.rule)) AS rule, argMin(t.reason, t.at) AS text
    FROM throttle_events AS t
    WHERE t.at >= toDateTime64($__fromTime, 3, 'UTC') - INTERVAL 1 DAY AND t.at < toDateTime64($__toTime, 3, 'UTC') AND t.tenant = unhex(${tenant:singlequote})
    GROUP BY tenant, t.step, t.dry_run, t.episode, t.level, t.team, t.key, t.user, t.model, if(t.author = 'alerts' AND t.step IN ('ordered', 'acknowledged'), 0, t.sequence)
)
WHERE at >= toDateTime64($__fromTime, 3, 'UTC') AND at < toDateTime64($__toTime, 3, 'UTC') AND tenant = unhex(${tenant:singlequote}) AND event IN ('firing', 'resolved', 'throttle acknowledged', 'throttle released')
ORDER BY time
