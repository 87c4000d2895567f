-- Minutes from their calls, written as one block, each under its claimed revision (ns and workers stand beside windows). latency and first_token: see 0001_tables.sql.
-- estimated: amounts that are a guess or a lower bound (ledger.FlagsInexact).
INSERT INTO cost_minute
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
WITH
    intDiv(duration_ns, 1000) AS latency_us,
    bitCount(roundToExp2(greatest(latency_us, 4)) - 1) AS latency_log2,
    if(latency_us < 4, toUInt8(latency_us), toUInt8(4 * (latency_log2 - 1) + bitAnd(bitShiftRight(latency_us, latency_log2 - 2), 3))) AS latency_bucket,
    intDiv(first_token_ns, 1000) AS first_token_us,
    bitCount(roundToExp2(greatest(first_token_us, 4)) - 1) AS first_token_log2,
    if(first_token_us < 4, toUInt8(first_token_us), toUInt8(4 * (first_token_log2 - 1) + bitAnd(bitShiftRight(first_token_us, first_token_log2 - 2), 3))) AS first_token_bucket
SELECT
    minute, {ns:Array(UInt64)}[indexOf({windows:Array(DateTime('UTC'))}, minute)], {workers:Array(UInt64)}[indexOf({windows:Array(DateTime('UTC'))}, minute)],
    tenant, provider, model, operation, service, environment, region,
    count() AS calls_,
    countIf(error_class != '') AS errors_,
    countIf(bitAnd(flags, {rate_limited:UInt32}) != 0) AS rate_limited_,
    countIf(unpriced != '' AND bitAnd(flags, {billed_otherwise:UInt32}) = 0) AS unpriced_calls_,
    countIf(bitAnd(flags, {doubt:UInt32}) != 0) AS flagged_calls_,
    countIf(bitAnd(flags, {estimated:UInt32}) != 0) AS estimated_calls_,
    countIf(bitAnd(flags, {provided:UInt32}) != 0) AS provided_calls_,
    countIf(bitAnd(flags, {reserved:UInt32}) != 0) AS reserved_calls_,
    countIf(bitAnd(flags, {stream:UInt32}) != 0) AS streamed_calls_,
    sum(fresh_input) AS fresh_input_,
    sum(cache_read) AS cache_read_,
    sum(cache_write_5m) AS cache_write_5m_,
    sum(cache_write_1h) AS cache_write_1h_,
    sum(audio_input) AS audio_input_,
    sum(image_input) AS image_input_,
    sum(text_output) AS text_output_,
    sum(reasoning) AS reasoning_,
    sum(audio_output) AS audio_output_,
    sumIf(fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input
        + image_input + text_output + reasoning + audio_output,
        bitAnd(flags, {reserved:UInt32}) != 0) AS reserved_tokens_,
    sum(cost) AS cost_,
    sum(cost_input) AS cost_input_,
    sum(cost_cache_read) AS cost_cache_read_,
    sum(cost_cache_write) AS cost_cache_write_,
    sum(cost_output) AS cost_output_,
    sum(cost_reasoning) AS cost_reasoning_,
    sum(cost_other) AS cost_other_,
    sum(cost) + sum(list_delta) AS list_cost_,
    sum(cache_saved) AS cache_saved_,
    sum(tier_saved) AS tier_saved_,
    sum(request_bytes) AS request_bytes_,
    sum(response_bytes) AS response_bytes_,
    sumMapIf(map(error_class, toUInt64(1)), error_class != '') AS errors_by_class_,
    sumMap(units) AS units_,
    sumMap(map(latency_bucket, toUInt64(1))) AS latency_,
    sumMapIf(map(first_token_bucket, toUInt64(1)), first_token_ns > 0) AS first_token_
FROM calls_of(minutes = {windows:Array(DateTime('UTC'))})
GROUP BY minute, tenant, provider, model, operation, service, environment, region
