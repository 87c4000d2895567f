-- The minutes of reports whose state is about to change, a fresh id each, and the minute that is being settled once more for later: whoever
-- stops between its decision and the look after it leaves that mark, which nobody takes before.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT 'minute', arrayJoin({minutes:Array(DateTime('UTC'))}), generateUUIDv4(), now64(3), 0
UNION ALL
SELECT 'minute', {minute:DateTime('UTC')}, {later:UUID}, now64(3) + INTERVAL {seconds:UInt32} SECOND, 0
