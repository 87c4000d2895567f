-- A minute with provisional aggregates, to be rolled up again when each of them is due (Unix milliseconds); a fresh id each.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT 'minute', {minute:DateTime('UTC')}, generateUUIDv4(), fromUnixTimestamp64Milli(arrayJoin({due:Array(Int64)}), 'UTC'), 0
