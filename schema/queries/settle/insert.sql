INSERT INTO settlements
(
    minute, tenant, trace_id, span_id, revision, loses, winner_minute, winner_tenant, winner_trace_id, winner_span_id, reason
)
