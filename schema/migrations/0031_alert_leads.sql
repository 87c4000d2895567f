-- Which of several alerts processes leads (docs/adr/0051-one-alerts-process-leads.md). Each says every few seconds that it lives; the one that has
-- claimed first, of those that live, leads. All times are the server's.
CREATE TABLE IF NOT EXISTS {{.Database}}.alert_leads
(
    holder  UUID,                                              -- of one process's life
    host    SimpleAggregateFunction(any, String),              -- where it runs, for people
    claimed SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    seen    SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    gone    SimpleAggregateFunction(max, Bool)                 -- it has stopped, and said so
)
ENGINE = AggregatingMergeTree
ORDER BY holder
TTL toDateTime(seen) + INTERVAL 1 DAY
SETTINGS storage_policy = '{{.Policy}}';
