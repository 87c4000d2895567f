-- Only if no month was closed or reopened since the worker looked, and nobody has claimed above it: a closing that has, may have
-- copied what was there before this worker's revision. Else the hour is done again.
INSERT INTO adjust_marks (window, id, done)
SELECT {window:DateTime('UTC')}, arrayJoin({ids:Array(UUID)}), 1
WHERE (SELECT count() FROM periods) = {changes:UInt64}
  AND (SELECT max(n) FROM adjust_revisions WHERE window = {window:DateTime('UTC')}) = {n:UInt64}
