-- spend as in 0006, and two more views of the same text, so that a panel reads it once (docs/adr/0034-panels-read-once.md).
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
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM {{.Database}}.period_states WHERE state = 'closed')
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
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM {{.Database}}.period_states WHERE state = 'closed')
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

-- The same for series with a point per {step} seconds: no window is longer than a step, hours from steps of an hour on, days from steps
-- of a day on. Group by toStartOfInterval(window, {step} seconds), {step} being whole minutes below an hour, whole hours below a day, whole
-- days from there.
CREATE OR REPLACE VIEW {{.Database}}.spend_steps AS
WITH
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM {{.Database}}.window_revisions
            WHERE level = 'day' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 DAY <= {to:DateTime('UTC')}
              AND {step:UInt32} >= 86400
              AND window NOT IN
              (
                  SELECT toStartOfDay(window)
                  FROM {{.Database}}.dirty_windows FINAL
                  WHERE level IN ('hour', 'day') AND done = 0
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM {{.Database}}.period_states WHERE state = 'closed')
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
              AND {step:UInt32} >= 3600
              AND window NOT IN
              (
                  SELECT window
                  FROM {{.Database}}.dirty_windows FINAL
                  WHERE level = 'hour' AND done = 0
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM {{.Database}}.period_states WHERE state = 'closed')
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

-- The same for two ranges that meet: no window lies on both sides of {cut}.
CREATE OR REPLACE VIEW {{.Database}}.spend_cut AS
WITH
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM {{.Database}}.window_revisions
            WHERE level = 'day' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 DAY <= {to:DateTime('UTC')}
              AND (window >= {cut:DateTime('UTC')} OR window + INTERVAL 1 DAY <= {cut:DateTime('UTC')})
              AND window NOT IN
              (
                  SELECT toStartOfDay(window)
                  FROM {{.Database}}.dirty_windows FINAL
                  WHERE level IN ('hour', 'day') AND done = 0
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM {{.Database}}.period_states WHERE state = 'closed')
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
              AND (window >= {cut:DateTime('UTC')} OR window + INTERVAL 1 HOUR <= {cut:DateTime('UTC')})
              AND window NOT IN
              (
                  SELECT window
                  FROM {{.Database}}.dirty_windows FINAL
                  WHERE level = 'hour' AND done = 0
                    AND toStartOfMonth(window) NOT IN (SELECT month FROM {{.Database}}.period_states WHERE state = 'closed')
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

-- How every budget stands, those of the configuration too, in the time zone that its rule or its tenant has; written whole, under one time,
-- by the dashboards role. A budget of all tenants has a row for each.
CREATE TABLE IF NOT EXISTS {{.Database}}.budget_states
(
    name      String,
    tenant    LowCardinality(String),
    scope     Map(LowCardinality(String), String),
    period    LowCardinality(String),
    time_zone LowCardinality(String),
    begins    DateTime('UTC'),
    ends      DateTime('UTC'),
    amount    Decimal(38, 12),
    spent     Decimal(38, 12),
    week      Decimal(38, 12),
    at_least  UInt8,
    source    LowCardinality(String),
    at        DateTime64(3, 'UTC')
)
ENGINE = MergeTree ORDER BY (at, tenant, name)
TTL toDateTime(at) + INTERVAL 3 DAY DELETE
SETTINGS storage_policy = '{{.Policy}}';

CREATE OR REPLACE VIEW {{.Database}}.budget_states_now AS
SELECT *
FROM {{.Database}}.budget_states
WHERE at = (SELECT max(at) FROM {{.Database}}.budget_states);
