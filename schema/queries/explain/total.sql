-- The number that dashboards and reports show for a tenant's [from, to).
SELECT toString(sum(cost)) AS cost_, sum(calls) AS calls_, sum(unpriced_calls) AS unpriced_
FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
WHERE tenant = {tenant:String} AND ({model:String} = '' OR model = {model:String})
