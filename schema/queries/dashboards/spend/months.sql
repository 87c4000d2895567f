-- The last thirteen months: what their days came to, what was booked in them for other months, and whether they are final.
SELECT
    toDate(b.booked) AS month,
    multiIf(p.state = 'closed', 'final', p.state = 'reopened', 'reopened', month = toStartOfMonth(toDate(now('UTC'))), 'running', 'open') AS state,
    sumIf(b.cost, b.part = 'spend') AS spend,
    sumIf(b.cost, b.part = 'adjustment') AS adjustments,
    spend + adjustments AS total,
    if(sum(b.unpriced_calls) > 0, 'at least', '') AS note,
    sumIf(b.calls, b.part = 'spend') AS calls,
    if(p.state = 'closed', p.since, NULL) AS `closed at`,
    if(p.state = 'closed', p.author, '') AS `closed by`
FROM booked_spend(from = toDateTime(toStartOfMonth(now('UTC') - INTERVAL 12 MONTH), 'UTC'), to = toDateTime(toStartOfMonth(now('UTC') + INTERVAL 1 MONTH), 'UTC')) AS b
LEFT JOIN periods_now AS p ON p.month = b.booked
GROUP BY month, p.state, p.since, p.author
ORDER BY month DESC
