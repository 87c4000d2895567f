-- The hours of a month as they stand, again under the revisions that freeze them.
INSERT INTO cost_hour
SELECT h.window AS window, f.n AS n, {worker:UInt64} AS worker, h.* EXCEPT (window, n, worker)
FROM
(
    SELECT *
    FROM cost_hour
    WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (window, n, worker) IN
    (
        SELECT window, (max((n, worker)) AS newest).1, newest.2
        FROM window_revisions
        WHERE level = 'hour' AND committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
        GROUP BY window
    )
) AS h
INNER JOIN
(
    SELECT window, n FROM window_revisions
    WHERE level = 'hour' AND worker = {worker:UInt64} AND committed = 0 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
) AS f ON h.window = f.window
