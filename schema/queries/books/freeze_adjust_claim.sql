-- Hours with a row booked in the month, or that a worker may be at: it has not removed the mark yet.
INSERT INTO adjust_revisions (window, n, worker, committed, rows)
SELECT window, bitShiftLeft(bitShiftRight(max(n), 48) + 1, 48), {worker:UInt64}, 0, 0
FROM
(
    SELECT window, n FROM adjust_revisions
    WHERE window IN (SELECT window FROM adjustments WHERE n > 0 AND booked = {month:Date})
       OR window IN (SELECT window FROM adjust_marks FINAL WHERE done = 0)
    UNION ALL
    SELECT window, 0 FROM adjust_marks FINAL WHERE done = 0
)
GROUP BY window
