-- The marks that are due, by window, newest window first. Windows before since are sealed, those of closed months closed.
SELECT window, groupArray(toString(id))
FROM dirty_windows FINAL
WHERE level = {level:String} AND done = 0 AND due <= now64(3)
  AND window >= {since:DateTime('UTC')} AND window < {until:DateTime('UTC')}
  AND NOT has({closed:Array(Date)}, toStartOfMonth(window))
GROUP BY window
ORDER BY window DESC
LIMIT {limit:UInt32}
