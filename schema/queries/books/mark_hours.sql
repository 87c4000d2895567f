-- Every hour of a month that is open again.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT 'hour', toDateTime({from:DateTime('UTC')} + 3600 * number, 'UTC'), generateUUIDv4(), now64(3), 0
FROM numbers(toUInt64(intDiv(dateDiff('second', {from:DateTime('UTC')}, {to:DateTime('UTC')}), 3600)))
