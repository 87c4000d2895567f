-- The seals of [from, to), and whether the books committed anything for the day after.
SELECT s.day, s.n, s.tenant, s.calls, toString(s.cost), s.adjusted_calls, toString(s.adjusted), s.ledger_calls, toString(s.ledger_cost), s.reports,
    s.hours_digest, s.day_digest, s.at, toUnixTimestamp64Milli(b.last) >= toUnixTimestamp64Milli(s.at)
FROM day_seals_now AS s
LEFT JOIN
(
    SELECT toDate(window) AS day_, max(at) AS last FROM adjust_revisions
    WHERE committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
    GROUP BY day_
) AS b ON s.day = b.day_
WHERE s.day >= toDate({from:DateTime('UTC')}) AND s.day < toDate({to:DateTime('UTC')})
ORDER BY s.day, s.tenant
