-- The candidates of [from, to), but for one minute, that share a trace or a unique response id with those of the minute.
-- One pass, without FINAL: three passes with it took three times as long. All of it in PREWHERE: the other columns are then read where
-- something is found, which is seldom; so are the sets, which else the engine plans longer than it reads. The minute's own lie together and are read beside this (settle/own).
SELECT toUnixTimestamp(minute), tenant, trace_id, span_id, version, parent_span_id, response_id, provider, operation, toInt8(role), rank, flags,
    toUnixTimestamp64Nano(start), duration_ns, input, output, authenticated
FROM settle_candidates
PREWHERE hour >= toStartOfHour({from:DateTime('UTC')}) AND hour < {to:DateTime('UTC')}
  AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND minute != {minute:DateTime('UTC')}
  AND (trace_id IN
    (
        SELECT trace_id FROM settle_candidates
        PREWHERE hour = toStartOfHour({minute:DateTime('UTC')}) AND minute = {minute:DateTime('UTC')}
    )
    OR response_id != 0 AND response_id IN
    (
        SELECT response_id FROM settle_candidates
        PREWHERE hour = toStartOfHour({minute:DateTime('UTC')}) AND minute = {minute:DateTime('UTC')} AND bitAnd(flags, {unique:UInt32}) != 0
    ))
