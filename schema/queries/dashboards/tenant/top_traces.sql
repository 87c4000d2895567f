SELECT
    lower(hex(trace_id)) AS trace,
    min(start) AS at,
    sum(cost) AS spend,
    count() AS calls,
    uniq(model) AS models,
    sum(fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output) AS tokens,
    any(service) AS service,
    any(agent) AS agent,
    countIf(error_class != '') AS errors,
    if(countIf($unpriced) > 0, 'at least', '') AS note
FROM $calls(greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 1 DAY), toDateTime($__toTime, 'UTC'), tenant = unhex(${tenant:singlequote}))
GROUP BY trace_id
ORDER BY spend DESC, trace
LIMIT 50
