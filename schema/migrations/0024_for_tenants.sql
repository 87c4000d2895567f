-- What tenants may know of the operator's tables: which months are final, and up to when the ledger is complete.
CREATE OR REPLACE VIEW {{.Database}}.period_states AS
SELECT p.month AS month, argMax(p.state, (p.at, p.state)) AS state, max(p.at) AS since
FROM {{.Database}}.periods AS p
GROUP BY p.month;

-- Everything that Kafka acknowledged before complete_to is stored, by the partition that is furthest behind; no row before the first.
CREATE OR REPLACE VIEW {{.Database}}.ledger_complete AS
SELECT min(f.complete_to) AS complete_to
FROM {{.Database}}.ingest_freshness AS f FINAL
WHERE startsWith(f.topic, 'tollkeeper.calls')
HAVING count() > 0;
