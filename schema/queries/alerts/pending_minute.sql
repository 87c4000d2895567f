-- The oldest minute since {from} whose rollup is behind its calls; 0 if there is none.
SELECT toInt64(toUnixTimestamp(min(window))) AS oldest
FROM dirty_windows FINAL
WHERE level = 'minute' AND done = 0 AND window >= {from:DateTime('UTC')}
