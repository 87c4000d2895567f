-- The totals of what a writing sums up, by model alone: of an hour's minutes by minute, of hours and of days.
INSERT INTO summary_models
(
    slot, n, worker, window, provider, model,
    calls, errors, rate_limited, unpriced_calls, flagged_calls, estimated_calls, provided_calls, reserved_calls,
    streamed_calls, fresh_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input, text_output,
    reasoning, audio_output, reserved_tokens, cost, cost_input, cost_cache_read, cost_cache_write, cost_output,
    cost_reasoning, cost_other, list_cost, cache_saved, tier_saved, request_bytes, response_bytes, latency, first_token
)
SETTINGS max_insert_threads = 1, async_insert = 0, deduplicate_insert = 'disable'
SELECT
    if(grain = 0, toInt64(toStartOfHour(window)), toInt64(window)) + grain + 500000000000 AS slot_, {writing:UInt64}, 0, window, provider, model,
    sum(calls) AS calls_, sum(errors) AS errors_, sum(rate_limited) AS rate_limited_,
    sum(unpriced_calls) AS unpriced_calls_, sum(flagged_calls) AS flagged_calls_,
    sum(estimated_calls) AS estimated_calls_, sum(provided_calls) AS provided_calls_,
    sum(reserved_calls) AS reserved_calls_, sum(streamed_calls) AS streamed_calls_, sum(fresh_input) AS fresh_input_,
    sum(cache_read) AS cache_read_, sum(cache_write_5m) AS cache_write_5m_, sum(cache_write_1h) AS cache_write_1h_,
    sum(audio_input) AS audio_input_, sum(image_input) AS image_input_, sum(text_output) AS text_output_,
    sum(reasoning) AS reasoning_, sum(audio_output) AS audio_output_, sum(reserved_tokens) AS reserved_tokens_,
    sum(cost) AS cost_, sum(cost_input) AS cost_input_, sum(cost_cache_read) AS cost_cache_read_,
    sum(cost_cache_write) AS cost_cache_write_, sum(cost_output) AS cost_output_,
    sum(cost_reasoning) AS cost_reasoning_, sum(cost_other) AS cost_other_, sum(list_cost) AS list_cost_,
    sum(cache_saved) AS cache_saved_, sum(tier_saved) AS tier_saved_, sum(request_bytes) AS request_bytes_,
    sum(response_bytes) AS response_bytes_, sumMap(latency) AS latency_, sumMap(first_token) AS first_token_
FROM
(
    SELECT 200000000000 AS grain, * FROM cost_day
    UNION ALL
    SELECT 100000000000, * FROM cost_hour
    UNION ALL
    SELECT 0, * FROM cost_minute
)
WHERE window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')} AND (toInt64(window) + grain, n, worker) IN
(
    SELECT (arrayJoin(of) AS w).1, w.2, w.3 FROM summaries WHERE hour >= {from:DateTime('UTC')} AND hour < {to:DateTime('UTC')} AND writing = {writing:UInt64} AND done = 0
)
GROUP BY slot_, window, provider, model
