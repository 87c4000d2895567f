-- Marks, each with a fresh id per attempt: removing marks removes exactly those that were read.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT level_, window_, generateUUIDv4(), now64(3), 0
FROM (SELECT 1)
ARRAY JOIN {levels:Array(String)} AS level_, {windows:Array(DateTime('UTC'))} AS window_
