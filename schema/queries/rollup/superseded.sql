-- How many revisions of a level were superseded before a time.
SELECT count()
FROM window_revisions AS r
INNER JOIN
(
    SELECT window, max((n, worker)) AS newest
    FROM window_revisions
    WHERE level = {level:String} AND committed = 1 AND at < {before:DateTime64(3, 'UTC')}
    GROUP BY window
) AS c USING (window)
WHERE r.level = {level:String} AND (r.n, r.worker) < c.newest
