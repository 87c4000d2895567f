-- Spans of the last hour that were kept, whether or not they tell of a call: what an instrumentation sends that tells of none.
SELECT
    tenant,
    service,
    scope AS instrumentation,
    name AS span,
    uniqExact(trace_id, span_id) AS `spans kept`,
    uniqExactIf((trace_id, span_id), arrayExists(key -> match(key, '^(gen_ai|llm|ai\\.model)\\.'), mapKeys(attributes))) AS `of a model`,
    max(start) AS last
FROM spans
WHERE minute >= toStartOfMinute(now('UTC') - INTERVAL 1 HOUR) AND minute <= now('UTC') + INTERVAL 1 HOUR
GROUP BY tenant, service, instrumentation, span
ORDER BY last DESC, tenant, service, instrumentation, span
LIMIT 20
