-- The quarters of days with windows that are over, stand, and are not summed up, the newest first.
SELECT DISTINCT toStartOfInterval(hour, INTERVAL 6 HOUR) AS quarter
FROM spend_windows FINAL
WHERE hour < {to:DateTime('UTC')} AND hour_stands AND (NOT hour_summed OR (notEmpty(minutes) AND minutes_as = minutes))
   OR day_stands AND notEmpty(day_of) AND NOT day_summed AND hour <= {to:DateTime('UTC')} - INTERVAL 1 DAY
ORDER BY quarter DESC
