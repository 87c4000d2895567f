-- Tenants of an hour of which there are fewer reports than calls in the books: rows are missing. Every call that was ever counted is
-- a report, and reports that give way stay.
SELECT tenant_, sum(booked_), sum(reports_)
FROM
(
    SELECT toString(tenant) AS tenant_, toInt64(sum(calls)) AS booked_, toInt64(0) AS reports_
    FROM spend_hour(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    GROUP BY tenant_
    UNION ALL
    SELECT toString(a.tenant) AS tenant_, sum(a.calls), toInt64(0)
    FROM adjustments_now AS a
    WHERE a.window >= {from:DateTime('UTC')} AND a.window < {to:DateTime('UTC')}
    GROUP BY tenant_
    UNION ALL
    SELECT toString(tenant) AS tenant_, toInt64(0), toInt64(count())
    FROM call_reports FINAL
    WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
    GROUP BY tenant_
)
GROUP BY tenant_
HAVING sum(booked_) > sum(reports_)
ORDER BY tenant_
