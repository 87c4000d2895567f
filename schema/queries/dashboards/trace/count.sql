SELECT count() AS value
FROM $calls(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), trace_id = $trace)
