-- A revision above every claim that a worker may have made or read before the month was closed. Hours without calls too.
INSERT INTO window_revisions (level, window, n, worker, committed, rows)
SELECT {level:String}, w.window, bitShiftLeft(bitShiftRight(max(r.n), 48) + 1, 48), {worker:UInt64}, 0, 0
FROM
(
    SELECT toDateTime({from:DateTime('UTC')} + {step:UInt32} * number, 'UTC') AS window
    FROM numbers(toUInt64(intDiv(dateDiff('second', {from:DateTime('UTC')}, {to:DateTime('UTC')}), {step:UInt32})))
) AS w
LEFT JOIN
(
    SELECT window, n FROM window_revisions
    WHERE level = {level:String} AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
) AS r ON w.window = r.window
GROUP BY w.window
