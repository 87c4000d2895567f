-- The marks for later of who has looked again.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT 'minute', {minute:DateTime('UTC')}, arrayJoin({ids:Array(UUID)}), now64(3), 1
