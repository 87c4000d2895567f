INSERT INTO window_revisions (level, window, n, worker, committed, rows)
SELECT level, window, n, worker, 1, 0
FROM window_revisions
WHERE level = {level:String} AND worker = {worker:UInt64} AND committed = 0 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
