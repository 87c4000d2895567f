-- Aggregates (agent spans that repeat or hold the usage of their calls) are reports now. None is a call: what its calls don't
-- explain is a report of its own, an unseen leaf, that settlement writes (DESIGN D4).
CREATE OR REPLACE VIEW {{.Database}}.calls AS
SELECT
    *,
    cost_input + cost_cache_read + cost_cache_write + cost_output + cost_reasoning + cost_other AS cost
FROM {{.Database}}.call_reports FINAL
WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
  AND role != 'aggregate'
  AND (minute, tenant, trace_id, span_id) NOT IN
  (
      SELECT minute, tenant, trace_id, span_id
      FROM {{.Database}}.settlements FINAL
      WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND loses = 1
  );
