-- How many reports some hours have, those that give way and older versions too: whether they are few enough to be rolled up together.
-- Reads the table behind the view calls: nothing is added up by it.
SELECT toStartOfHour(minute) AS hour_, count()
FROM call_reports
WHERE toStartOfHour(minute) IN {windows:Array(DateTime('UTC'))}
GROUP BY hour_
