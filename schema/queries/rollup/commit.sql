-- Makes a revision the one that readers take, if it is the highest. An empty window commits too.
INSERT INTO window_revisions (level, window, n, worker, committed, rows)
SELECT {level:String}, {window:DateTime('UTC')}, {n:UInt64}, {worker:UInt64}, 1, count()
FROM {table:Identifier}
WHERE window = {window:DateTime('UTC')} AND n = {n:UInt64} AND worker = {worker:UInt64}
