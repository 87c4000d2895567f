-- What one day's calls add up to, by tenant, and how many reports there are. Reads the table behind the view calls: reports that gave
-- way are counted to see whether rows are missing.
SELECT tenant_, sum(calls_), toString(sum(cost_)), sum(reports_)
FROM
(
    SELECT toString(tenant) AS tenant_, count() AS calls_, sum(cost) AS cost_, toUInt64(0) AS reports_
    FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    GROUP BY tenant_
    UNION ALL
    SELECT toString(tenant) AS tenant_, toUInt64(0), toDecimal128('0', 12), count()
    FROM call_reports FINAL
    WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
    GROUP BY tenant_
)
GROUP BY tenant_
