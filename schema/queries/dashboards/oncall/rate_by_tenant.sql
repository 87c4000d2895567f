-- US dollars an hour. The nine largest of the range by name, the rest as one.
SELECT time, if(place <= 9, name, 'other') AS series, sum(weight) * 3600 / $step AS `USD an hour`
FROM
(
    SELECT *, dense_rank() OVER (ORDER BY whole DESC, name) AS place
    FROM
    (
        SELECT *, sum(weight) OVER (PARTITION BY name) AS whole
        FROM
        (
            SELECT toStartOfInterval(window, toIntervalSecond($step)) AS time, toString(tenant) AS name, sum(s.cost) AS weight
            FROM $by_tenant_steps(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), $step) AS s
            GROUP BY time, tenant
        )
    )
)
GROUP BY time, series
ORDER BY time, series
