(
    -- spend(since, until), written out (docs/adr/0036-spend-written-out.md), its windows looked up (docs/adr/0049-windows-looked-up.md)
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
        SELECT (arrayJoin(multiIf(
            day_stands AND toStartOfDay(hour) >= since AND toStartOfDay(hour) + 86400 <= until$__day_fits, day_of,
            hour_stands AND hour >= since AND hour + 3600 <= until$__hour_fits, hour_of,
            minutes)) AS w).1, w.2, w.3
        FROM spend_windows FINAL
        WHERE hour >= toStartOfHour(since) AND hour < until
    )
)
