-- The minutes of [from, to) with aggregates whose rest was made a call of its own, and that have calls in their trace: one of these may
-- have come after the aggregate was settled, and not as a candidate, so that nothing brought its minute back.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT 'minute', minute_, generateUUIDv4(), now64(3), 0
FROM
(
    SELECT DISTINCT minute AS minute_
    FROM settlements FINAL
    WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND loses = 1 AND reason = 'unseen_leaf' AND trace_id IN
    (
        SELECT trace_id
        FROM calls(from = {from:DateTime('UTC')} - INTERVAL 1 DAY, to = {to:DateTime('UTC')} + INTERVAL 1 DAY)
        WHERE bitAnd(flags, {unseen:UInt32}) = 0 AND trace_id IN
        (
            SELECT trace_id FROM settlements
            WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND loses = 1 AND reason = 'unseen_leaf'
        )
    )
)
