-- The reports of one minute that may tell of a call that another report tells of too, and the candidates of [from, to) that
-- share a trace or a unique response id with them. Older versions of a report may be among them: the reader keeps the newest.
-- One pass, without FINAL: three passes with it took three times as long. All of it in PREWHERE: the other columns are then read where
-- something is found, which takes three quarters of the CPU.
SELECT minute, tenant, trace_id, span_id, version, parent_span_id, response_id, provider, operation, toInt8(role), rank, flags,
    start, duration_ns, input, output, authenticated
FROM settle_candidates
PREWHERE hour >= toStartOfHour({from:DateTime('UTC')}) AND hour < {to:DateTime('UTC')}
  AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
  AND (minute = {minute:DateTime('UTC')}
    OR trace_id IN
    (
        SELECT trace_id FROM settle_candidates
        WHERE hour = toStartOfHour({minute:DateTime('UTC')}) AND minute = {minute:DateTime('UTC')}
    )
    OR response_id != 0 AND response_id IN
    (
        SELECT response_id FROM settle_candidates
        WHERE hour = toStartOfHour({minute:DateTime('UTC')}) AND minute = {minute:DateTime('UTC')} AND bitAnd(flags, {unique:UInt32}) != 0
    ))
