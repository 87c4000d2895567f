-- The newest word on whether automatic throttles are frozen, per gateway.
SELECT
    gateway,
    argMax(step, at) = 'frozen' AS frozen,
    argMax(author, at) AS by_author,
    argMax(reason, at) AS why,
    max(at) AS since
FROM throttle_events
WHERE step IN ('frozen', 'unfrozen') AND sequence = 0
GROUP BY gateway
ORDER BY gateway
