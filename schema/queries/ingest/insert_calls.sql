-- Reports, all partitions of a tick together; columns in the order of callTable.
INSERT INTO call_reports
(
    minute, tenant, trace_id, span_id, version, parent_span_id, tenant_source, start, received, duration_ns,
    first_token_ns, provider, model, request_model, operation, kind, service_tier, finish_reason,
    error_class, service, environment, region, team, key, user, agent, feature, prompt, prompt_version,
    conversation, response_id, emitter, rule, role, rank, raw, fresh_input, cache_read, cache_write_5m,
    cache_write_1h, audio_input, image_input, text_output, reasoning, audio_output, units, cost_input,
    cost_cache_read, cost_cache_write, cost_output, cost_reasoning, cost_other, list_delta, cache_saved,
    tier_saved, provided_cost, price_version, price_entry, unpriced, flags, request_bytes, response_bytes
)
FORMAT Native
