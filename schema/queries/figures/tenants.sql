-- Tenants with calls in this month or the last, and those of the directory.
SELECT DISTINCT who
FROM
(
    SELECT toString(tenant) AS who
    FROM spend(from = toDateTime(toStartOfMonth(now('UTC') - INTERVAL 1 MONTH), 'UTC'), to = now('UTC') + INTERVAL 1 HOUR)
    UNION ALL
    SELECT tenant FROM tenants WHERE removed = 0
)
WHERE who NOT IN ('', 'unattributed')
ORDER BY who
