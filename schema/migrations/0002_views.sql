-- One row per call: the only way rollups, dashboards, exports and re-rate read calls (DESIGN D4). The window is a
-- parameter, so that FINAL prunes partitions and the settlements of other windows are never read.
CREATE OR REPLACE VIEW {{.Database}}.calls AS
SELECT
    *,
    cost_input + cost_cache_read + cost_cache_write + cost_output + cost_reasoning + cost_other AS cost
FROM {{.Database}}.call_reports FINAL
WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
  AND (minute, tenant, trace_id, span_id) NOT IN
  (
      SELECT minute, tenant, trace_id, span_id
      FROM {{.Database}}.settlements FINAL
      WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND loses = 1
  );

-- Budgets as they stand: the newest row per name.
CREATE OR REPLACE VIEW {{.Database}}.budgets_now AS
SELECT * FROM {{.Database}}.budgets WHERE (name, at) IN (SELECT name, max(at) FROM {{.Database}}.budgets GROUP BY name)
  AND removed = 0;

{{range $level := .Levels}}
-- The newest committed revision of every {{$level}} in [from, to), the window predicate inside the sub-query too.
CREATE OR REPLACE VIEW {{$.Database}}.spend_{{$level}} AS
SELECT * EXCEPT (n, worker)
FROM {{$.Database}}.cost_{{$level}}
WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
  AND (window, n, worker) IN
  (
      SELECT window, (max((n, worker)) AS newest).1, newest.2
      FROM {{$.Database}}.window_revisions
      WHERE level = '{{$level}}' AND committed = 1
        AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
      GROUP BY window
  );
{{end}}
