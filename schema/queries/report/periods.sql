-- How the months stand that touch [from, to): the newest row of each.
SELECT month, toString(state), author, reason, toString(cost), calls
FROM periods
WHERE month >= toStartOfMonth(toDate({from:DateTime('UTC')})) AND toDateTime(month, 'UTC') < {to:DateTime('UTC')}
  AND (month, at) IN (SELECT month, max(at) FROM periods GROUP BY month)
ORDER BY month
