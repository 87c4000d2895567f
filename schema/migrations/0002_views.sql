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

-- Spend of [from, to) from as few rows as are right: days that are settled and lie wholly inside, else such hours, else
-- minutes. A day or hour with a pending mark is taken apart, so open minutes are as fresh as their own rollup, and nothing
-- counts twice: days and hours are scalars, evaluated once per query. window is the start of a day, an hour or a minute:
-- group by anything but time. When no marks are pending the totals equal those of calls(from, to).
CREATE OR REPLACE VIEW {{.Database}}.spend AS
WITH
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM {{.Database}}.window_revisions
            WHERE level = 'day' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 DAY <= {to:DateTime('UTC')}
              AND window NOT IN
              (
                  SELECT toStartOfDay(window)
                  FROM {{.Database}}.dirty_windows FINAL
                  WHERE level IN ('hour', 'day') AND done = 0
                    AND window >= toStartOfDay({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS days,
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM {{.Database}}.window_revisions
            WHERE level = 'hour' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 HOUR <= {to:DateTime('UTC')}
              AND window NOT IN
              (
                  SELECT window
                  FROM {{.Database}}.dirty_windows FINAL
                  WHERE level = 'hour' AND done = 0
                    AND window >= toStartOfHour({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS hours
SELECT *
FROM
(
    SELECT * EXCEPT (n, worker)
    FROM {{.Database}}.cost_day
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM {{.Database}}.window_revisions
        WHERE level = 'day' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM {{.Database}}.cost_hour
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM {{.Database}}.window_revisions
        WHERE level = 'hour' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(hours)) AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM {{.Database}}.cost_minute
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM {{.Database}}.window_revisions
        WHERE level = 'minute' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND toStartOfHour(window) NOT IN (SELECT arrayJoin(hours)) AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
);
