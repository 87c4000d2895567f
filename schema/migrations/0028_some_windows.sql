-- What calls(from, to) and spend_minute(from, to) say, of some minutes and of some hours that need not follow one another: windows that come late
-- are rolled up by one statement for several. They are lists on both sides, so that nothing in between is read.
CREATE OR REPLACE VIEW {{.Database}}.calls_of AS
SELECT
    *,
    cost_input + cost_cache_read + cost_cache_write + cost_output + cost_reasoning + cost_other AS cost
FROM {{.Database}}.call_reports FINAL
WHERE minute IN {minutes:Array(DateTime('UTC'))}
  AND role != 'aggregate'
  AND (minute, tenant, trace_id, span_id) NOT IN
  (
      SELECT minute, tenant, trace_id, span_id
      FROM {{.Database}}.settlements FINAL
      WHERE minute IN {minutes:Array(DateTime('UTC'))} AND loses = 1
  );

CREATE OR REPLACE VIEW {{.Database}}.spend_minutes_of AS
SELECT * EXCEPT (n, worker)
FROM {{.Database}}.cost_minute
WHERE toStartOfHour(window) IN {hours:Array(DateTime('UTC'))}
  AND (window, n, worker) IN
  (
      SELECT window, (max((n, worker)) AS newest).1, newest.2
      FROM {{.Database}}.window_revisions
      WHERE level = 'minute' AND committed = 1 AND toStartOfHour(window) IN {hours:Array(DateTime('UTC'))}
      GROUP BY window
  );
