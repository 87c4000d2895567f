-- Months whose newest state is closed.
SELECT month
FROM periods
GROUP BY month
HAVING argMax(state, (at, state)) = 'closed'
ORDER BY month
