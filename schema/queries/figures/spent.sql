SELECT toString(tenant) AS who, toString(sum(cost)) AS amount
FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY who
