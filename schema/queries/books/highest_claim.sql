-- The highest claim at an hour's adjustments, and the highest that is committed.
SELECT max(n), maxIf(n, committed = 1) FROM adjust_revisions WHERE window = {window:DateTime('UTC')}
