-- What was decided of the reports of [from, to) in some traces, or that gave way to a report in them.
SELECT toUnixTimestamp(minute), tenant, trace_id, span_id, revision, loses, toUnixTimestamp(winner_minute), winner_tenant, winner_trace_id, winner_span_id, reason
FROM settlements
PREWHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
  AND (trace_id IN (SELECT toFixedString(unhex(arrayJoin({traces:Array(String)})), 16))
    OR winner_trace_id IN (SELECT toFixedString(unhex(arrayJoin({traces:Array(String)})), 16)))
