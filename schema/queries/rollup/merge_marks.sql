-- Every mark is merged with its tombstone, so that sweep_marks removes no tombstone that still hides a mark.
OPTIMIZE TABLE dirty_windows FINAL SETTINGS optimize_throw_if_noop = 1, optimize_skip_merged_partitions = 1
