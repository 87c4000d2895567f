INSERT INTO adjust_revisions (window, n, worker, committed, rows) SELECT {window:DateTime('UTC')}, {n:UInt64}, {worker:UInt64}, 0, 0
