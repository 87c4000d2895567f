-- What each tenant spent on each day of [from, to).
SELECT toDate(window) AS day, toString(tenant) AS tenant_, sum(s.calls) AS calls_, sum(s.unpriced_calls) AS unpriced_, toString(sum(s.cost)) AS cost_
FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS s
GROUP BY day, tenant_
ORDER BY day, tenant_
