-- Every month that is closed now.
SELECT month
FROM periods
WHERE state = 'closed' AND (month, at) IN (SELECT month, max(at) FROM periods GROUP BY month)
ORDER BY month
