-- Maintenance windows as they stand that end after {now}.
SELECT toString(id) AS window_id, last.1 AS since, last.2 AS until, last.3 AS who, last.4 AS what, last.6 AS actor, last.7 AS why
FROM
(
    SELECT id, argMax((begins, ends, tenants, rules, removed, author, reason), (at, removed)) AS last
    FROM alert_windows
    GROUP BY id
)
WHERE last.5 = 0 AND last.2 > {now:DateTime64(3, 'UTC')}
ORDER BY since, window_id
