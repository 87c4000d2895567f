-- The last thirteen months: what their days came to, what was booked in them for other months, and whether they are final.
SELECT
    formatDateTime(b.booked, '%Y-%m') AS month,
    multiIf(p.state = 'closed', 'final', p.state = 'reopened', 'reopened', b.booked = toStartOfMonth(toDate(now('UTC'))), 'running', 'open') AS state,
    sum(b.own) AS spend,
    sum(b.adjusted) AS adjustments,
    spend + adjustments AS total,
    if(sum(b.unpriced) > 0, 'at least', '') AS note,
    sum(b.n) AS calls,
    if(p.state = 'closed', p.since, NULL) AS `closed at`,
    if(p.state = 'closed', p.author, '') AS `closed by`
FROM
(
    SELECT toStartOfMonth(window) AS booked, sum(s.cost) AS own, toDecimal128(0, 12) AS adjusted, sum(s.calls) AS n, sum(s.unpriced_calls) AS unpriced
    FROM $by_model(toDateTime(toStartOfMonth(now('UTC') - INTERVAL 12 MONTH), 'UTC'), toDateTime(toStartOfMonth(now('UTC') + INTERVAL 1 MONTH), 'UTC')) AS s
    GROUP BY booked
    UNION ALL
    SELECT booked, toDecimal128(0, 12), sum(cost), toUInt64(0), toUInt64(0)
    FROM adjustments_now
    WHERE booked >= toStartOfMonth(toDate(now('UTC') - INTERVAL 12 MONTH)) AND booked < toStartOfMonth(toDate(now('UTC') + INTERVAL 1 MONTH))
    GROUP BY booked
) AS b
LEFT JOIN periods_now AS p ON p.month = b.booked
GROUP BY b.booked, p.state, p.since, p.author
ORDER BY month DESC
