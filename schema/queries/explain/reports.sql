-- Every report of a trace, or of one span of it, those that gave way included: the only query that reads the table behind
-- the view calls, because it has to show what the view leaves out.
SELECT
    minute, tenant, toString(tenant_source), lower(hex(trace_id)), lower(hex(span_id)), start, duration_ns, provider, model, request_model,
    toString(operation), toString(kind), toString(service_tier), toString(finish_reason), toString(error_class), toString(service),
    toString(environment), emitter, rule, toString(role), rank, CAST(raw, 'Map(String, Int64)'),
    [fresh_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input, text_output, reasoning, audio_output],
    CAST(units, 'Map(String, UInt64)'),
    arrayMap(c -> toString(c), [cost_input, cost_cache_read, cost_cache_write, cost_output, cost_reasoning, cost_other]),
    toString(provided_cost), toString(price_version), toString(price_entry), toString(unpriced), flags
FROM call_reports FINAL
WHERE trace_id = toFixedString(unhex({trace:String}), 16)
  AND ({span:String} = '' OR span_id = toFixedString(unhex({span:String}), 8))
ORDER BY start, span_id, minute
LIMIT 1000
