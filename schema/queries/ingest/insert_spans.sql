-- Sampled payload.
INSERT INTO spans
(
    minute, tenant, trace_id, span_id, parent_span_id, start, duration_ns, service, name, kind, status,
    status_message, scope, resource, attributes, events, kept, sample_probability, version
)
FORMAT Native
