-- What was decided of the reports of [from, to) that are in a trace of one minute's candidates, or gave way to a report of
-- such a trace.
SELECT toUnixTimestamp(minute), tenant, trace_id, span_id, revision, loses, toUnixTimestamp(winner_minute), winner_tenant, winner_trace_id, winner_span_id, reason
FROM settlements
PREWHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
  AND (trace_id IN (
      SELECT trace_id FROM settle_candidates
      PREWHERE hour = toStartOfHour({minute:DateTime('UTC')}) AND minute = {minute:DateTime('UTC')}
  ) OR winner_trace_id IN (
      SELECT trace_id FROM settle_candidates
      PREWHERE hour = toStartOfHour({minute:DateTime('UTC')}) AND minute = {minute:DateTime('UTC')}
  ))
