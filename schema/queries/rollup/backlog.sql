-- Per level: due windows and the age of the oldest mark in ms; windows held back because they are sealed or closed.
SELECT
    toString(level),
    uniqExactIf(window, NOT held),
    if(countIf(NOT held) = 0, 0, dateDiff('millisecond', minIf(due, NOT held), now64(3))),
    uniqExactIf(window, held)
FROM
(
    SELECT level, window, due,
        window < {since:DateTime('UTC')} OR toStartOfMonth(window) IN
        (
            SELECT month FROM periods GROUP BY month HAVING argMax(state, (at, state)) = 'closed'
        ) AS held
    FROM dirty_windows FINAL
    WHERE done = 0 AND due <= now64(3)
)
GROUP BY level
