-- Marks of every minute that has rows in a part that is newer than the newest range. Merges renew a part's time, so these are
-- more than it takes, never less; the minute before is for the time that an insert takes.
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT 'minute', minute, generateUUIDv4(), now64(3), 0
FROM
(
    SELECT DISTINCT minute
    FROM call_reports
    WHERE _part IN
    (
        SELECT name
        FROM system.parts
        WHERE database = currentDatabase() AND table = 'call_reports' AND active AND modification_time + 60 >=
        (
            SELECT max(at) FROM ingest_ranges WHERE topic = {topic:String}
        )
    )
)
