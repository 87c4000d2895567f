-- How many rows of sums prune_sums removes.
SELECT count()
FROM {table:Identifier}
WHERE n NOT IN (SELECT writing FROM summaries)
    OR slot < 600000000000 AND window < (SELECT min(window) FROM cost_minute)
    OR slot >= 600000000000 AND slot < 700000000000 AND window < (SELECT min(window) FROM cost_hour)
    OR slot >= 700000000000 AND window < (SELECT min(window) FROM cost_day)
