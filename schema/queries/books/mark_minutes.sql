-- Every minute of an hour that is open again.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT 'minute', toDateTime({window:DateTime('UTC')} + 60 * number, 'UTC'), generateUUIDv4(), now64(3), 0 FROM numbers(60)
