-- After prune_sums: writings that no hour names, and what was planned and never done. Their revisions were superseded, so that no hour will name them again.
ALTER TABLE summaries DELETE WHERE at < {before:DateTime64(3, 'UTC')} AND (hour, writing) NOT IN
(
    SELECT hour, arrayJoin(arrayMap(s -> s.2, arrayConcat(minutes_as, hour_as, day_as))) FROM spend_windows FINAL
)
SETTINGS mutations_sync = 1, allow_nondeterministic_mutations = 1
