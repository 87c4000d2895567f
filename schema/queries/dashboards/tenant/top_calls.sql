SELECT start AS at, model, cost, duration_ns / 1e9 AS seconds, lower(hex(trace_id)) AS trace, user, agent,
    if(unpriced != '', concat('unpriced: ', unpriced), error_class) AS note
FROM $calls(greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 1 DAY), toDateTime($__toTime, 'UTC'), tenant = unhex(${tenant:singlequote}))
ORDER BY cost DESC, at
LIMIT 50
