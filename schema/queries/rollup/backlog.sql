-- Per level: due windows, those of them that are late, and the age of the oldest mark in ms; windows held back because they are sealed or
-- closed. And the hours that wait for adjustments.
SELECT
    toString(level),
    uniqExactIf(window, NOT held),
    uniqExactIf(window, NOT held AND window < {late:DateTime('UTC')}),
    if(countIf(NOT held) = 0, 0, greatest(dateDiff('millisecond', minIf(due, NOT held), now64(3)), 0)),
    uniqExactIf(window, held)
FROM
(
    SELECT level, window, due,
        window < {since:DateTime('UTC')} OR toStartOfMonth(window) IN
        (
            SELECT month FROM periods GROUP BY month HAVING argMax(state, (at, state)) = 'closed'
        ) AS held
    FROM dirty_windows FINAL
    WHERE done = 0 AND (due <= now64(3) OR at > now64(3) + INTERVAL 1 MINUTE)
)
GROUP BY level
UNION ALL
SELECT 'adjust', uniqExact(window), 0, 0, 0
FROM adjust_marks FINAL
WHERE done = 0
