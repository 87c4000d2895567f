-- Candidates of [from, to) that share a trace or a unique response id with those of one minute.
WITH
    traces AS
    (
        SELECT trace_id FROM settle_candidates
        WHERE hour = toStartOfHour({minute:DateTime('UTC')}) AND minute = {minute:DateTime('UTC')}
    ),
    responses AS
    (
        SELECT response_id FROM settle_candidates
        WHERE hour = toStartOfHour({minute:DateTime('UTC')}) AND minute = {minute:DateTime('UTC')}
          AND response_id != 0 AND bitAnd(flags, {unique:UInt32}) != 0
    )
SELECT minute, tenant, trace_id, span_id, version, parent_span_id, response_id, provider, operation, toInt8(role), rank, flags,
    start, duration_ns, input, output, authenticated
FROM settle_candidates FINAL
WHERE hour >= toStartOfHour({from:DateTime('UTC')}) AND hour < {to:DateTime('UTC')}
  AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND minute != {minute:DateTime('UTC')}
  AND (trace_id IN (SELECT trace_id FROM traces) OR response_id IN (SELECT response_id FROM responses))
