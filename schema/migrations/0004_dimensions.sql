-- Spend by dimension (DESIGN D13): two more sizes of window, and a column that tells the sum of what was cut off from a
-- value that happens to have the same name.
ALTER TABLE {{.Database}}.dirty_windows
    MODIFY COLUMN level Enum8('minute' = 0, 'hour' = 1, 'day' = 2, 'hour_by' = 3, 'day_by' = 4);

ALTER TABLE {{.Database}}.window_revisions
    MODIFY COLUMN level Enum8('minute' = 0, 'hour' = 1, 'day' = 2, 'hour_by' = 3, 'day_by' = 4);

ALTER TABLE {{.Database}}.cost_hour_by ADD COLUMN IF NOT EXISTS cut UInt64 CODEC(ZSTD(1));

ALTER TABLE {{.Database}}.cost_day_by ADD COLUMN IF NOT EXISTS cut UInt64 CODEC(ZSTD(1));
{{range $level := .LevelsBy}}
-- The newest committed revision of every {{$level}} in [from, to). A row with cut > 0 is the sum of that many values beyond
-- the first thousand by cost.
CREATE OR REPLACE VIEW {{$.Database}}.spend_{{$level}}_by AS
SELECT * EXCEPT (n, worker)
FROM {{$.Database}}.cost_{{$level}}_by
WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
  AND (window, n, worker) IN
  (
      SELECT window, (max((n, worker)) AS newest).1, newest.2
      FROM {{$.Database}}.window_revisions
      WHERE level = '{{$level}}_by' AND committed = 1
        AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
      GROUP BY window
  );
{{end}}
-- Spend of the hours that start in [from, to), by tenant, dimension and value: days that are settled and lie wholly
-- inside, else hours. Every call is in every dimension once, under the empty value where it has none, so each
-- dimension adds up to the tenant's spend.
CREATE OR REPLACE VIEW {{.Database}}.spend_by AS
WITH
    (
        SELECT groupArray(window)
        FROM
        (
            SELECT DISTINCT window
            FROM {{.Database}}.window_revisions
            WHERE level = 'day_by' AND committed = 1
              AND window >= {from:DateTime('UTC')} AND window + INTERVAL 1 DAY <= {to:DateTime('UTC')}
              AND window NOT IN
              (
                  SELECT toStartOfDay(window)
                  FROM {{.Database}}.dirty_windows FINAL
                  WHERE level IN ('hour_by', 'day_by') AND done = 0
                    AND window >= toStartOfDay({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
              )
        )
    ) AS days
SELECT *
FROM
(
    SELECT * EXCEPT (n, worker)
    FROM {{.Database}}.cost_day_by
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM {{.Database}}.window_revisions
        WHERE level = 'day_by' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND window IN (SELECT arrayJoin(days))
        GROUP BY window
    )
    UNION ALL
    SELECT * EXCEPT (n, worker)
    FROM {{.Database}}.cost_hour_by
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM {{.Database}}.window_revisions
        WHERE level = 'hour_by' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
          AND toStartOfDay(window) NOT IN (SELECT arrayJoin(days))
        GROUP BY window
    )
);

-- How the jobs of the rollup role go, a row per job and process, written by the process itself every few seconds: a job
-- that hangs shows as running since long ago, a process that died as a row that is old.
CREATE TABLE IF NOT EXISTS {{.Database}}.job_runs
(
    job          LowCardinality(String),
    process      String,
    running_since Nullable(DateTime64(3, 'UTC')),
    last_run     Nullable(DateTime64(3, 'UTC')),
    last_success Nullable(DateTime64(3, 'UTC')),
    duration_ms  UInt64,
    runs         UInt64,
    failures     UInt64,
    failing      UInt64,
    backlog      UInt64,
    error        String,
    next_run     Nullable(DateTime64(3, 'UTC')),
    at           DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(at) ORDER BY (job, process)
TTL toDateTime(at) + INTERVAL 7 DAY DELETE
SETTINGS storage_policy = '{{.Policy}}';
