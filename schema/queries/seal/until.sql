-- The first day after all that are sealed, 2002 where none is.
SELECT toDateTime(greatest(maxOrDefault(day) + 1, toDate('2002-01-01')), 'UTC') FROM day_seals
