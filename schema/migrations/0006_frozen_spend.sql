-- As in 0002, but what is pending in a closed month doesn't take its days and hours apart: they are frozen, and what came
-- later is an adjustment.
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
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM {{.Database}}.periods_now WHERE state = 'closed')
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
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM {{.Database}}.periods_now WHERE state = 'closed')
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
