-- Makes revisions those that readers take, of each window if it is the highest. An empty window commits too.
INSERT INTO window_revisions (level, window, n, worker, committed, rows)
SELECT {level:String}, a.window_, a.n_, a.worker_, 1, c.rows_
FROM
(
    SELECT window_, n_, worker_
    FROM (SELECT 1)
    ARRAY JOIN {windows:Array(DateTime('UTC'))} AS window_, {ns:Array(UInt64)} AS n_, {workers:Array(UInt64)} AS worker_
) AS a
LEFT JOIN
(
    SELECT window, n, worker, count() AS rows_
    FROM {table:Identifier}
    WHERE window IN {windows:Array(DateTime('UTC'))} AND worker IN {workers:Array(UInt64)}
    GROUP BY window, n, worker
) AS c ON a.window_ = c.window AND a.n_ = c.n AND a.worker_ = c.worker
SETTINGS join_use_nulls = 0
