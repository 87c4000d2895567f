-- The next writing of spend_windows takes its number: a row of no hour.
INSERT INTO spend_windows (hour, version) SELECT toDateTime(0, 'UTC'), max(version) + 1 FROM spend_windows
