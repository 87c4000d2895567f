-- Hours to adjust, with the marks that ask for it.
SELECT window, groupArray(toString(id))
FROM adjust_marks FINAL
WHERE done = 0 AND window >= {since:DateTime('UTC')}
GROUP BY window
ORDER BY window
LIMIT {limit:UInt32}
