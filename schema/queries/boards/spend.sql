(
    -- spend(since, until), written out (docs/adr/0036-spend-written-out.md), its windows looked up (docs/adr/0049-windows-looked-up.md)
    SELECT $__columns
    FROM
    (
        SELECT 200000000000 AS grain, n, worker, $__columns FROM cost_day
        UNION ALL
        SELECT 100000000000, n, worker, $__columns FROM cost_hour
        UNION ALL
        SELECT 0, n, worker, $__columns FROM cost_minute
    )
    WHERE window >= $__since AND window < $__until AND (toInt64(window) + grain, n, worker) IN
    (
        SELECT (arrayJoin(multiIf(
            day_stands AND hour >= toStartOfDay($__since + 86399) AND hour < toStartOfDay($__until)$__day_fits, day_of,
            hour_stands AND hour >= $__since AND hour <= $__until - 3600$__hour_fits, hour_of,
            minutes)) AS w).1, w.2, w.3
        FROM spend_windows FINAL
        WHERE hour >= toStartOfHour($__since) AND hour < $__until
    )
)
