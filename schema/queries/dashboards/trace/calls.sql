SELECT
    start AS at,
    tenant,
    provider,
    model,
    operation,
    cost,
    fresh_input AS `fresh input`,
    cache_read AS `cache reads`,
    cache_write_5m + cache_write_1h AS `cache writes`,
    text_output + audio_output AS output,
    reasoning,
    duration_ns / 1e9 AS took,
    if(first_token_ns = 0, NULL, first_token_ns / 1e9) AS `first token`,
    price_entry AS price,
    if(unpriced != '', concat('unpriced: ', unpriced), error_class) AS note,
    lower(hex(trace_id)) AS trace,
    lower(hex(span_id)) AS span
FROM $calls(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), trace_id = $trace)
ORDER BY at, span
LIMIT 1000
