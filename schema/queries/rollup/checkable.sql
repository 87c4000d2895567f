-- The hours of [from, to) whose books are open, each with whether changes are pending in it, in its minutes or in its day.
SELECT window, window IN
(
    SELECT toStartOfHour(window) FROM dirty_windows FINAL
    WHERE done = 0 AND level IN ('minute', 'hour', 'hour_by') AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
) OR toStartOfDay(window) IN
(
    SELECT window FROM dirty_windows FINAL
    WHERE done = 0 AND level IN ('day', 'day_by') AND window >= toStartOfDay({from:DateTime('UTC')}) AND window < {to:DateTime('UTC')}
) AS pending
FROM
(
    SELECT toDateTime({from:DateTime('UTC')} + 3600 * number, 'UTC') AS window
    FROM numbers(toUInt64(intDiv(dateDiff('second', {from:DateTime('UTC')}, {to:DateTime('UTC')}), 3600)))
)
WHERE toStartOfMonth(window) NOT IN (SELECT month FROM periods GROUP BY month HAVING argMax(state, (at, state)) = 'closed')
ORDER BY window
