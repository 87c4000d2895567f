-- As charged back: its own spend, adjustments, and its part of what is shared and reserved. A month in which the directory named several owners has a row for
-- each, with the spend of its own days.
SELECT
    formatDateTime(c.month, '%Y-%m') AS month,
    multiIf(p.state = 'closed', 'final', p.state = 'reopened', 'reopened', c.month = toStartOfMonth(toDate(now('UTC'))), 'running', 'open') AS state,
    cost_centre AS `cost centre`,
    owner,
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
ORDER BY c.month DESC, total DESC, `cost centre`, owner
LIMIT 24
