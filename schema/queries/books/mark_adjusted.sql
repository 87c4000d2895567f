-- Hours of a month that have adjustments.
INSERT INTO adjust_marks (window, id, done)
SELECT window, generateUUIDv4(), 0
FROM (SELECT DISTINCT window FROM adjust_revisions WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')})
