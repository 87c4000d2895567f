-- After prune_rows: the revisions themselves. The newest committed one stays, so claims never start over.
ALTER TABLE window_revisions DELETE WHERE level = {level:String} AND (window, n, worker) IN
(
    SELECT r.window, r.n, r.worker
    FROM window_revisions AS r
    INNER JOIN
    (
        SELECT window, max((n, worker)) AS newest
        FROM window_revisions
        WHERE level = {level:String} AND committed = 1 AND at < {before:DateTime64(3, 'UTC')}
        GROUP BY window
    ) AS c USING (window)
    WHERE r.level = {level:String} AND (r.n, r.worker) < c.newest
)
SETTINGS mutations_sync = 1, allow_nondeterministic_mutations = 1
