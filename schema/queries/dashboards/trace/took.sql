SELECT if(count() = 0, NULL, (max(toUnixTimestamp64Nano(start) + duration_ns) - min(toUnixTimestamp64Nano(start))) / 1e9) AS value
FROM
(
    SELECT start, duration_ns FROM spans FINAL
    WHERE minute >= toDateTime($__fromTime, 'UTC') AND minute < toDateTime($__toTime, 'UTC') AND trace_id = $trace
    UNION ALL
    SELECT start, duration_ns FROM $calls(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), trace_id = $trace)
)
