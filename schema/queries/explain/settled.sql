-- Decisions of [from, to) about reports of a trace: who gave way to whom.
SELECT minute, tenant, lower(hex(trace_id)), lower(hex(span_id)), winner_minute, winner_tenant, lower(hex(winner_trace_id)),
    lower(hex(winner_span_id)), toString(reason)
FROM settlements FINAL
WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND loses = 1
  AND (trace_id = toFixedString(unhex({trace:String}), 16) OR winner_trace_id = toFixedString(unhex({trace:String}), 16))
ORDER BY minute, trace_id, span_id
LIMIT 1000
