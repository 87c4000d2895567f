-- The reports of one minute that may tell of a call that another report tells of too. Older versions of a report may be among them: the reader
-- keeps the newest, here as in the other statements.
SELECT toUnixTimestamp(minute), tenant, trace_id, span_id, version, parent_span_id, response_id, provider, operation, toInt8(role), rank, flags,
    toUnixTimestamp64Nano(start), duration_ns, input, output, authenticated
FROM settle_candidates
PREWHERE hour = toStartOfHour({minute:DateTime('UTC')}) AND minute = {minute:DateTime('UTC')}
