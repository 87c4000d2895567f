-- What arrived in the last hour, by tenant and instrumentation, the newest first.
SELECT
    tenant,
    emitter,
    service,
    count() AS calls,
    sum(cost) AS spend,
    countIf(unpriced != '') AS `unpriced calls`,
    max(received) AS last
FROM calls(from = now('UTC') - INTERVAL 1 HOUR, to = now('UTC') + INTERVAL 1 HOUR)
GROUP BY tenant, emitter, service
ORDER BY last DESC, tenant, emitter, service
LIMIT 50
