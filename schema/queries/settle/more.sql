-- Candidates of [from, to) in some traces or with some response ids.
SELECT toUnixTimestamp(minute), tenant, trace_id, span_id, version, parent_span_id, response_id, provider, operation, toInt8(role), rank, flags,
    toUnixTimestamp64Nano(start), duration_ns, input, output, authenticated
FROM settle_candidates
PREWHERE hour >= toStartOfHour({from:DateTime('UTC')}) AND hour < {to:DateTime('UTC')}
  AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
  AND (trace_id IN (SELECT toFixedString(unhex(arrayJoin({traces:Array(String)})), 16)) OR response_id IN {responses:Array(UInt64)})
