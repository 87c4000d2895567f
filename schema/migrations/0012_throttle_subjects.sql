-- Throttles are about a tenant or a part of it; acts of people are found by their time.
ALTER TABLE {{.Database}}.throttle_events
    ADD COLUMN IF NOT EXISTS team String DEFAULT '' AFTER tenant,
    ADD COLUMN IF NOT EXISTS key String DEFAULT '' AFTER team,
    ADD COLUMN IF NOT EXISTS user String DEFAULT '' AFTER key,
    ADD COLUMN IF NOT EXISTS model String DEFAULT '' AFTER user;

ALTER TABLE {{.Database}}.throttle_events ADD INDEX IF NOT EXISTS by_time at TYPE minmax GRANULARITY 1;
