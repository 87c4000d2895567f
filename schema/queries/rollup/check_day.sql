-- Where one day's rollup, or its spend by dimension, differs from its hours: by tenant and table.
SELECT tenant, what, sum(calls_) AS calls_more, toString(sum(cost_)) AS cost_more
FROM
(
    SELECT tenant, 'day' AS what, toInt64(sum(calls)) AS calls_, sum(cost) AS cost_
    FROM spend_day(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    GROUP BY tenant
    UNION ALL
    SELECT tenant, concat('hours by ', dimension) AS what, toInt64(sum(calls)) AS calls_, sum(cost) AS cost_
    FROM spend_hour_by(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    GROUP BY tenant, dimension
    UNION ALL
    SELECT tenant, concat('day by ', dimension) AS what, toInt64(sum(calls)) AS calls_, sum(cost) AS cost_
    FROM spend_day_by(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    GROUP BY tenant, dimension
    UNION ALL
    SELECT tenant, what, -toInt64(sum(calls)) AS calls_, -sum(cost) AS cost_
    FROM spend_hour(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    ARRAY JOIN
    [
        'day', 'hours by team', 'hours by key', 'hours by user', 'hours by agent', 'hours by feature', 'hours by prompt',
        'day by team', 'day by key', 'day by user', 'day by agent', 'day by feature', 'day by prompt'
    ] AS what
    GROUP BY tenant, what
)
GROUP BY tenant, what
HAVING calls_more != 0 OR sum(cost_) != 0
ORDER BY abs(sum(cost_)) DESC, tenant, what
LIMIT 1000
