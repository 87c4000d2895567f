(
    -- spend(since, until), written out: the engine analyses a view with parameters twice (docs/adr/0036-spend-written-out.md)
    WITH $__since AS since, $__until AS until
    SELECT $__columns
    FROM
    (
        SELECT 200000000000 AS grain, n, worker, $__columns FROM cost_day
        UNION ALL
        SELECT 100000000000, n, worker, $__columns FROM cost_hour
        UNION ALL
        SELECT 0, n, worker, $__columns FROM cost_minute
    )
    WHERE window >= since AND window < until AND (toInt64(window) + grain, n, worker) IN
    (
        SELECT toInt64(window) + toInt64(v.level) * 100000000000, (max((n, worker)) AS newest).1, newest.2
        FROM window_revisions AS v
        WHERE v.level IN ('minute', 'hour', 'day') AND committed = 1 AND window >= since AND window < until
          AND (v.level = 'minute') != ((toInt8(v.level), toStartOfHour(window)) IN
          (
              SELECT arrayJoin(if(level = 'hour', [(0, begins), (1, begins)], arrayPushBack(arrayMap(i -> (0, begins + i * 3600), range(24)), (2, begins))))
              FROM
              (
                  SELECT level, begins, due,
                      max(level = 'hour' AND due) OVER (PARTITION BY begins) AS hour_due,
                      max(level = 'day' AND NOT due) OVER (PARTITION BY toStartOfDay(begins)) AND NOT max(due) OVER (PARTITION BY toStartOfDay(begins)) AS by_day
                  FROM
                  (
                      SELECT DISTINCT toString(v.level) AS level, window AS begins, false AS due
                      FROM window_revisions AS v
                      WHERE v.level IN ('hour', 'day') AND committed = 1 AND window >= since AND window + if(v.level = 'hour', 3600, 86400) <= until$__fits
                      UNION ALL
                      SELECT toString(d.level), window, true
                      FROM dirty_windows AS d FINAL
                      WHERE d.level IN ('hour', 'day') AND done = 0 AND window >= toStartOfDay(since) AND window < until
                          AND toStartOfMonth(window) NOT IN (SELECT month FROM period_states WHERE state = 'closed')
                  )
              )
              WHERE NOT due AND if(level = 'day', by_day, NOT hour_due AND NOT by_day)
          ))
        GROUP BY v.level, window
    )
)
