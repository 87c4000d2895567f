-- One hour by dimension from its calls, uncut, written as one block under one claimed revision. A call is in every
-- dimension once, under the empty value where it has none.
INSERT INTO cost_hour_by (window, n, worker, tenant, dimension, value, calls, errors, input, output, cost, unpriced_calls, cut)
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 1000000000000,
    async_insert = 0, deduplicate_insert = 'disable'
SELECT
    {from:DateTime('UTC')}, {n:UInt64}, {worker:UInt64},
    tenant, dimension, value,
    count() AS calls_,
    countIf(error_class != '') AS errors_,
    sum(fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input) AS input_,
    sum(text_output + reasoning + audio_output) AS output_,
    sum(cost) AS cost_,
    countIf(unpriced != '' AND bitAnd(flags, {billed_otherwise:UInt32}) = 0) AS unpriced_calls_,
    0
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
ARRAY JOIN
    ['team', 'key', 'user', 'agent', 'feature', 'prompt'] AS dimension,
    [
        toString(team), toString(key), user, toString(agent), toString(feature),
        if(prompt_version = '', toString(prompt), concat(prompt, '@', prompt_version))
    ] AS value
GROUP BY tenant, dimension, value
