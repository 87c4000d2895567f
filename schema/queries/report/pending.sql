-- Windows of a period whose totals are still to be added up, though they ended a quarter of an hour ago: by then every job has run.
SELECT uniqExact(level, window)
FROM dirty_windows FINAL
WHERE done = 0 AND level IN ('minute', 'hour', 'day') AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
    AND window + multiIf(level = 'minute', 60, level = 'hour', 3600, 86400) <= now('UTC') - INTERVAL 15 MINUTE
