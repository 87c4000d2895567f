SELECT count() AS value
FROM calls(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
WHERE trace_id = $trace
