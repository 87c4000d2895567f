-- Claims of some windows of one level, a row each.
INSERT INTO window_revisions (level, window, n, worker, committed, rows)
SELECT {level:String}, window_, n_, worker_, 0, 0
FROM (SELECT 1)
ARRAY JOIN {windows:Array(DateTime('UTC'))} AS window_, {ns:Array(UInt64)} AS n_, {workers:Array(UInt64)} AS worker_
