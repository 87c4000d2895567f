-- Every hour of a month that is open again, if it ever had calls.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT 'hour', window_, generateUUIDv4(), now64(3), 0
FROM
(
    SELECT DISTINCT toStartOfHour(window) AS window_
    FROM window_revisions
    WHERE level = 'minute' AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
)
