INSERT INTO adjust_revisions (window, n, worker, committed, rows)
SELECT window, n, worker, 1, 0 FROM adjust_revisions WHERE worker = {worker:UInt64} AND committed = 0
