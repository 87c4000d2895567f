-- Where one hour's rollup differs from a recomputation of its calls: nothing, unless something is wrong. By key: what the
-- rollup has less what the calls add up to.
SELECT tenant, provider, model, sum(calls_) AS calls_more, toString(sum(cost_)) AS cost_more
FROM
(
    SELECT tenant, provider, model, toInt64(sum(calls)) AS calls_, sum(cost) AS cost_
    FROM spend_hour(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    GROUP BY tenant, provider, model
    UNION ALL
    SELECT tenant, provider, model, -toInt64(count()) AS calls_, -sum(cost) AS cost_
    FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    GROUP BY tenant, provider, model
)
GROUP BY tenant, provider, model
HAVING calls_more != 0 OR sum(cost_) != 0
ORDER BY abs(sum(cost_)) DESC, tenant, provider, model
LIMIT 1000
