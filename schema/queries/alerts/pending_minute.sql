-- The oldest minute since {from} that changed before {changed} and hasn't been rolled up since; 0 if there is none.
-- A mark that isn't due yet waits for aggregates, which count nowhere before.
SELECT toInt64(toUnixTimestamp(min(window))) AS oldest
FROM dirty_windows FINAL
WHERE level = 'minute' AND done = 0 AND window >= {from:DateTime('UTC')} AND at < {changed:DateTime64(3, 'UTC')}
  AND (due <= now64(3) OR at > now64(3) + INTERVAL 1 MINUTE)
