-- The minutes of an hour that is open again: those that have calls, some of which were booked elsewhere and never rolled up, and
-- those that had some.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT 'minute', minute_, generateUUIDv4(), now64(3), 0
FROM
(
    SELECT minute AS minute_ FROM calls(from = {window:DateTime('UTC')}, to = {until:DateTime('UTC')})
    UNION DISTINCT
    SELECT window AS minute_ FROM window_revisions
    WHERE level = 'minute' AND window >= {window:DateTime('UTC')} AND window < {until:DateTime('UTC')}
)
