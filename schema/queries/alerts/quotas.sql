-- Quotas of tokens a minute, from rate-limit headers that HTTP instrumentations put on the span of a call or on its child
-- (OpenTelemetry: http.response.header.<name>), the newest per tenant, provider and model. Samples will do: a quota is no money.
SELECT toString(c.tenant) AS tenant, concat(toString(c.provider), '/', toString(c.model)) AS value, argMax(s.quota, s.start) AS tokens_per_minute, max(s.start) AS seen
FROM
(
    SELECT trace_id, arrayJoin([span_id, parent_span_id]) AS at_span, start,
        toInt64OrZero(extract(arrayFirst(v -> v != '', arrayMap(k -> attributes[k], {names:Array(String)})), '[0-9]+')) AS quota
    FROM spans
    WHERE minute >= {from:DateTime('UTC')} AND hasAny(mapKeys(attributes), {names:Array(String)})
    LIMIT 20000
) AS s
INNER JOIN
(
    SELECT tenant, trace_id, span_id, provider, model
    FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    WHERE trace_id IN (SELECT trace_id FROM spans WHERE minute >= {from:DateTime('UTC')} AND hasAny(mapKeys(attributes), {names:Array(String)}) LIMIT 20000)
) AS c ON c.trace_id = s.trace_id AND c.span_id = s.at_span
WHERE s.quota > 0
GROUP BY tenant, value
