-- A fresh id per attempt: removing marks removes exactly those that were read.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT {level:String}, {window:DateTime('UTC')}, generateUUIDv4(), now64(3), 0
