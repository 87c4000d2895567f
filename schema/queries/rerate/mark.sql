INSERT INTO dirty_windows (level, window, id, due, done)
SELECT 'minute', arrayJoin({minutes:Array(DateTime('UTC'))}), generateUUIDv4(), now64(3), 0
