-- Reports of [from, to) that gave way to one that gave way itself, or that isn't there: none, unless something is wrong. What
-- aggregates give way to may be no candidate.
SELECT minute, tenant, trace_id, span_id, reason
FROM settlements FINAL
WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND loses = 1 AND reason != 'replaced'
  AND ((winner_minute, winner_tenant, winner_trace_id, winner_span_id) IN
  (
      SELECT minute, tenant, trace_id, span_id FROM settlements FINAL
      WHERE minute >= {from:DateTime('UTC')} - INTERVAL 1 DAY AND minute < {to:DateTime('UTC')} + INTERVAL 1 DAY AND loses = 1
  )
  OR reason NOT IN ('explained', 'unseen_leaf') AND (winner_minute, winner_tenant, winner_trace_id, winner_span_id) NOT IN
  (
      SELECT minute, tenant, trace_id, span_id FROM settle_candidates
      WHERE hour >= {from:DateTime('UTC')} - INTERVAL 1 DAY AND hour < {to:DateTime('UTC')} + INTERVAL 1 DAY
  ))
LIMIT 1000
