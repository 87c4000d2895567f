-- Every hour of a day whose calls are more than what the books have of them.
INSERT INTO adjust_marks (window, id, done)
SELECT toDateTime({from:DateTime('UTC')} + 3600 * number, 'UTC'), generateUUIDv4(), 0 FROM numbers(24)
