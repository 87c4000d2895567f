SELECT concat(if(countIf($unpriced) > 0, 'at least ', ''), $usd(sum(cost))) AS spend
FROM $calls(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), trace_id = $trace)
