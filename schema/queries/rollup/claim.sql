INSERT INTO window_revisions (level, window, n, worker, committed, rows)
SELECT {level:String}, {window:DateTime('UTC')}, {n:UInt64}, {worker:UInt64}, 0, 0
