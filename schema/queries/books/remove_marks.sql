-- Only if no month was closed or reopened since the worker looked: else the hour is done again.
INSERT INTO adjust_marks (window, id, done)
SELECT {window:DateTime('UTC')}, arrayJoin({ids:Array(UUID)}), 1
WHERE (SELECT count() FROM periods) = {changes:UInt64}
