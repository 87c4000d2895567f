(
    -- spend(since, until) by one key alone, of totals by that key, else of minutes, as long as these are kept (docs/adr/0052-totals-by-one-key.md)
    SELECT $__columns
    FROM
    (
        SELECT slot, n, worker, $__columns FROM $__summary
        UNION ALL
        SELECT toInt64(window), n, worker, $__columns FROM cost_minute
    )
    WHERE window >= $__since AND window < $__until AND (slot, n, worker) IN
    (
        SELECT (arrayJoin(multiIf(
            day_summed AND hour >= toStartOfDay($__since + 86399) AND hour < toStartOfDay($__until)$__day_fits, day_as,
            hour_summed AND hour >= $__since AND hour <= $__until - 3600$__hour_fits, hour_as,
            throwIf(minutes_gone AND hour_stands > hour_summed, 'old hours are not summed up yet: the rollup role does it within minutes, see tollkeeper rollup status') = 0, minutes_as, [])) AS w).1, w.2, w.3
        FROM spend_windows FINAL
        WHERE hour >= toStartOfHour($__since) AND hour < $__until
    )
)
