-- Sums of writings that are forgotten, and of windows whose own rows have ended.
ALTER TABLE {table:Identifier} DELETE WHERE (toDateTime(slot % 100000000000, 'UTC'), n) NOT IN (SELECT hour, writing FROM summaries)
    OR slot < 600000000000 AND window < (SELECT min(window) FROM cost_minute)
    OR slot >= 600000000000 AND slot < 700000000000 AND window < (SELECT min(window) FROM cost_hour)
    OR slot >= 700000000000 AND window < (SELECT min(window) FROM cost_day)
SETTINGS mutations_sync = 1, allow_nondeterministic_mutations = 1
