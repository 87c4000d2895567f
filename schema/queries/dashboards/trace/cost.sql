SELECT concat(if(countIf($unpriced) > 0, 'at least ', ''), $usd(sum(cost))) AS spend
FROM calls(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
WHERE trace_id = $trace
