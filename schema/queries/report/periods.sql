-- How the months stand that touch [from, to): the newest row of each, and how many of their days are sealed.
SELECT month, toString(state), author, reason, toString(cost), calls, s.days
FROM periods
LEFT JOIN
(
    SELECT toStartOfMonth(day) AS month_, uniqExact(day) AS days FROM day_seals GROUP BY month_
) AS s ON month = s.month_
WHERE month >= toStartOfMonth(toDate({from:DateTime('UTC')})) AND toDateTime(month, 'UTC') < {to:DateTime('UTC')}
  AND (month, at) IN (SELECT month, max(at) FROM periods GROUP BY month)
ORDER BY month
