-- The hours of [from, to) that have calls or totals; the days of these, of other totals, of marks that aren't done, and of adjustments: elsewhere
-- there is nothing to compare.
SELECT day, window FROM
(
    SELECT 0 AS day, toStartOfHour(minute) AS window
    FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    UNION ALL
    SELECT 0 AS day, window FROM spend_hour(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    UNION ALL
    SELECT 1 AS day, toStartOfDay(window) AS window FROM spend_hour_by(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    UNION ALL
    SELECT 1 AS day, window FROM spend_day(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    UNION ALL
    SELECT 1 AS day, window FROM spend_day_by(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    UNION ALL
    SELECT 1 AS day, toStartOfDay(window) AS window FROM dirty_windows FINAL
    WHERE done = 0 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
    UNION ALL
    SELECT 1 AS day, toStartOfDay(window) AS window FROM adjust_marks FINAL
    WHERE done = 0 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
    UNION ALL
    SELECT 1 AS day, toDateTime(original, 'UTC') AS window FROM adjustments_now
    WHERE original >= toDate({from:DateTime('UTC')}) AND original < toDate({to:DateTime('UTC')})
)
GROUP BY day, window
