-- US dollars an hour. Minutes for steps below an hour, the coarser windows of spend() above.
WITH largest AS
(
    SELECT tenant
    FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    GROUP BY tenant
    ORDER BY sum(cost) DESC, tenant
    LIMIT 9
)
SELECT
    toStartOfInterval(window, INTERVAL $__interval_s second) AS time,
    if(tenant IN (SELECT tenant FROM largest), tenant, 'other') AS series,
    sum(cost) * 3600 / $__interval_s AS `USD an hour`
FROM
(
    SELECT window, toString(tenant) AS tenant, cost FROM spend_minute(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s < 3600
    UNION ALL
    SELECT window, toString(tenant) AS tenant, cost FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    WHERE $__interval_s >= 3600
)
GROUP BY time, series
ORDER BY time, series
