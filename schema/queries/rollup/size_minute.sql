-- How many reports some minutes have, those that give way and older versions too: whether they are few enough to be rolled up together.
-- Reads the table behind the view calls: nothing is added up by it.
SELECT minute, count() FROM call_reports WHERE minute IN {windows:Array(DateTime('UTC'))} GROUP BY minute
