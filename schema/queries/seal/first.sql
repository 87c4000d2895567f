-- The first day that is sealed, and how many seals there are.
SELECT toDateTime(minOrDefault(day), 'UTC'), count() FROM day_seals
