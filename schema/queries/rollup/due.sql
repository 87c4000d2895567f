-- The marks that are due, by window, newest window first. Windows before since are sealed; months whose newest state is
-- closed are left alone. A mark that was written a while from now is due too: the server's clock was set back since, and recomputing early does no harm.
SELECT window, groupArray(toString(id))
FROM dirty_windows FINAL
WHERE level = {level:String} AND done = 0 AND (due <= now64(3) OR at > now64(3) + INTERVAL 1 MINUTE)
  AND window >= {since:DateTime('UTC')} AND window < {until:DateTime('UTC')}
  AND toStartOfMonth(window) NOT IN (SELECT month FROM periods GROUP BY month HAVING argMax(state, (at, state)) = 'closed')
GROUP BY window
ORDER BY window DESC
LIMIT {limit:UInt32}
