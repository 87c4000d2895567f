-- Marks of windows that are never rewritten, because their month is closed or their rows are sealed.
SELECT toString(level), window, groupArray(toString(id))
FROM dirty_windows FINAL
WHERE done = 0 AND (due <= now64(3) OR at > now64(3) + INTERVAL 1 MINUTE) AND window >= {since:DateTime('UTC')}
  AND (window < {sealed:DateTime('UTC')} OR toStartOfMonth(window) IN (SELECT month FROM periods_now WHERE state = 'closed'))
GROUP BY level, window
ORDER BY level, window
LIMIT {limit:UInt32}
