-- Budgets as the rules read them (docs/adr/0019-budgets-in-the-database.md): body is the whole rule as YAML, the other columns
-- are what reports and dashboards read of it. A version is never changed, a new one takes its place.
ALTER TABLE {{.Database}}.budgets
    ADD COLUMN IF NOT EXISTS time_zone String,
    ADD COLUMN IF NOT EXISTS body String;

CREATE OR REPLACE VIEW {{.Database}}.budgets_now AS
SELECT * FROM {{.Database}}.budgets WHERE (name, at) IN (SELECT name, max(at) FROM {{.Database}}.budgets GROUP BY name)
  AND removed = 0;

-- Maintenance windows that people set while the role runs: no episode begins in them. The newest row per id counts.
CREATE TABLE IF NOT EXISTS {{.Database}}.alert_windows
(
    id      UUID,
    begins  DateTime64(3, 'UTC'),
    ends    DateTime64(3, 'UTC'),
    tenants Array(String),
    rules   Array(String),
    removed UInt8,
    author  String,
    reason  String,
    at      DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY (id, at)
SETTINGS storage_policy = '{{.Policy}}', fsync_after_insert = 1, fsync_part_directory = 1;

-- Notifications that a receiver won't get by itself any more; the event itself is in alert_events. The newest row per event
-- and receiver counts.
CREATE TABLE IF NOT EXISTS {{.Database}}.alert_dead_letters
(
    episode  UUID,
    sequence UInt32,
    receiver String,
    outcome  LowCardinality(String),
    reason   String,
    sent     UInt8,
    author   String,
    at       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY (episode, sequence, receiver, at)
SETTINGS storage_policy = '{{.Policy}}', fsync_after_insert = 1, fsync_part_directory = 1;

-- What people say of an episode: right, wrong or noise, and whether somebody acted on it. The newest row per episode counts.
CREATE TABLE IF NOT EXISTS {{.Database}}.alert_labels
(
    episode UUID,
    verdict LowCardinality(String),
    acted   UInt8,
    note    String,
    author  String,
    at      DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY (episode, at)
SETTINGS storage_policy = '{{.Policy}}', fsync_after_insert = 1, fsync_part_directory = 1;
