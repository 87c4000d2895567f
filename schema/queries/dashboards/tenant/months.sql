-- As charged back: its own spend, adjustments, and its part of what is shared and reserved.
SELECT
    formatDateTime(c.month, '%Y-%m') AS month,
    multiIf(p.state = 'closed', 'final', p.state = 'reopened', 'reopened', c.month = toStartOfMonth(toDate(now('UTC'))), 'running', 'open') AS state,
    own,
    adjusted AS adjustments,
    shared,
    reserved,
    total,
    if(at_least = 1, 'at least', '') AS note,
    c.calls AS calls,
    c.at AS `as of`
FROM chargebacks_now AS c
LEFT JOIN (SELECT month, state FROM period_states) AS p USING (month)
WHERE tenant = unhex(${tenant:singlequote})
ORDER BY c.month DESC
LIMIT 24
