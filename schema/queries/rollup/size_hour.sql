-- How many rows the minutes of some hours have, those of earlier revisions too: whether they are few enough to be rolled up together.
SELECT toStartOfHour(window) AS hour_, sum(rows)
FROM window_revisions
WHERE level = 'minute' AND committed = 1 AND toStartOfHour(window) IN {windows:Array(DateTime('UTC'))}
GROUP BY hour_
