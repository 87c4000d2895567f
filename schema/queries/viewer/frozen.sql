-- Gateways at which a person stopped automatic throttles, and hasn't let them go on.
SELECT gateway, argMax(author, at) AS by, argMax(reason, at) AS why, max(at) AS since
FROM throttle_events
WHERE step IN ('frozen', 'unfrozen') AND sequence = 0
GROUP BY gateway
HAVING argMax(step, at) = 'frozen'
ORDER BY gateway
