-- Hours from their newest committed minutes, written as one block, each under its claimed revision (ns and workers stand beside windows).
INSERT INTO cost_hour
(
    window, n, worker, tenant, provider, model, operation, service, environment, region, calls, errors,
    rate_limited, unpriced_calls, flagged_calls, estimated_calls, provided_calls, reserved_calls, streamed_calls,
    fresh_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input, text_output, reasoning,
    audio_output, reserved_tokens, cost, cost_input, cost_cache_read, cost_cache_write, cost_output,
    cost_reasoning, cost_other, list_cost, cache_saved, tier_saved, request_bytes, response_bytes,
    errors_by_class, units, latency, first_token
)
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 1000000000000,
    async_insert = 0, deduplicate_insert = 'disable'
SELECT
    toStartOfHour(m.window) AS hour_, {ns:Array(UInt64)}[indexOf({windows:Array(DateTime('UTC'))}, hour_)], {workers:Array(UInt64)}[indexOf({windows:Array(DateTime('UTC'))}, hour_)],
    tenant, provider, model, operation, service, environment, region,
    sum(calls) AS calls_,
    sum(errors) AS errors_,
    sum(rate_limited) AS rate_limited_,
    sum(unpriced_calls) AS unpriced_calls_,
    sum(flagged_calls) AS flagged_calls_,
    sum(estimated_calls) AS estimated_calls_,
    sum(provided_calls) AS provided_calls_,
    sum(reserved_calls) AS reserved_calls_,
    sum(streamed_calls) AS streamed_calls_,
    sum(fresh_input) AS fresh_input_,
    sum(cache_read) AS cache_read_,
    sum(cache_write_5m) AS cache_write_5m_,
    sum(cache_write_1h) AS cache_write_1h_,
    sum(audio_input) AS audio_input_,
    sum(image_input) AS image_input_,
    sum(text_output) AS text_output_,
    sum(reasoning) AS reasoning_,
    sum(audio_output) AS audio_output_,
    sum(reserved_tokens) AS reserved_tokens_,
    sum(cost) AS cost_,
    sum(cost_input) AS cost_input_,
    sum(cost_cache_read) AS cost_cache_read_,
    sum(cost_cache_write) AS cost_cache_write_,
    sum(cost_output) AS cost_output_,
    sum(cost_reasoning) AS cost_reasoning_,
    sum(cost_other) AS cost_other_,
    sum(list_cost) AS list_cost_,
    sum(cache_saved) AS cache_saved_,
    sum(tier_saved) AS tier_saved_,
    sum(request_bytes) AS request_bytes_,
    sum(response_bytes) AS response_bytes_,
    sumMap(errors_by_class) AS errors_by_class_,
    sumMap(units) AS units_,
    sumMap(latency) AS latency_,
    sumMap(first_token) AS first_token_
FROM spend_minutes_of(hours = {windows:Array(DateTime('UTC'))}) AS m
GROUP BY hour_, tenant, provider, model, operation, service, environment, region
