INSERT INTO adjust_revisions (window, n, worker, committed, rows)
SELECT {window:DateTime('UTC')}, {n:UInt64}, {worker:UInt64}, 1, count()
FROM adjustments
WHERE window = {window:DateTime('UTC')} AND n = {n:UInt64} AND worker = {worker:UInt64}
