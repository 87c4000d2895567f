-- Reports that may tell of a call that another report tells of too (DESIGN D4).
INSERT INTO settle_candidates
(
    hour, response_id, trace_id, span_id, minute, tenant, version, parent_span_id, provider, role, rank, flags,
    start, duration_ns, operation, input, output, authenticated
)
FORMAT Native
