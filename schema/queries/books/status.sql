-- Every month that was ever closed or has sealed days, and how many.
SELECT
    if(s.days > 0, s.month_, p.month) AS month_of, toString(p.state), p.author, p.reason, toString(p.cost), p.calls, p.evidence, p.since, toUInt8(s.days)
FROM periods_now AS p
FULL OUTER JOIN
(
    SELECT toStartOfMonth(day) AS month_, uniqExact(day) AS days FROM day_seals GROUP BY month_
) AS s ON p.month = s.month_
ORDER BY month_of
