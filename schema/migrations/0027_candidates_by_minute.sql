-- The candidates of one minute lie together a second time, so that settling it doesn't read all those of its hour. Parts of before don't
-- have them so: they are read as they are, until they are merged or expire. Merges keep it although they leave out what was replaced.
ALTER TABLE {{.Database}}.settle_candidates MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';
ALTER TABLE {{.Database}}.settle_candidates ADD PROJECTION IF NOT EXISTS by_minute (SELECT * ORDER BY minute);
