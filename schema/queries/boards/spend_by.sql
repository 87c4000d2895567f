(
    -- spend_by(since, until), written out as spend is
    SELECT * EXCEPT (grain, n, worker)
    FROM
    (
        SELECT 400000000000 AS grain, * FROM cost_day_by
        UNION ALL
        SELECT 300000000000, * FROM cost_hour_by
    )
    WHERE window >= $__since AND window < $__until AND (toInt64(window) + grain, n, worker) IN
    (
        SELECT (arrayJoin(if(day_by_stands AND hour >= toStartOfDay($__since + 86399) AND hour < toStartOfDay($__until), day_of_by, hour_of_by)) AS w).1, w.2, w.3
        FROM spend_windows FINAL
        WHERE hour >= $__since AND hour < $__until
    )
)
