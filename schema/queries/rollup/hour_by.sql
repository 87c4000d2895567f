-- Hours by dimension from their calls, uncut, written as one block, each under its claimed revision (ns and workers stand beside windows; minutes
-- are all of theirs). A call is in every dimension once, under the empty value where it has none. One pass over the calls; ARRAY JOIN took 1.6 times as long.
INSERT INTO cost_hour_by (window, n, worker, tenant, dimension, value, calls, errors, input, output, cost, unpriced_calls, cut)
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 1000000000000,
    async_insert = 0, deduplicate_insert = 'disable'
SELECT
    toStartOfHour(minute) AS hour_, {ns:Array(UInt64)}[indexOf({windows:Array(DateTime('UTC'))}, hour_)], {workers:Array(UInt64)}[indexOf({windows:Array(DateTime('UTC'))}, hour_)],
    tenant,
    multiIf(grouping(team) = 0, 'team', grouping(key) = 0, 'key', grouping(user) = 0, 'user', grouping(agent) = 0, 'agent',
        grouping(feature) = 0, 'feature', 'prompt'),
    multiIf(grouping(team) = 0, toString(team), grouping(key) = 0, toString(key), grouping(user) = 0, user,
        grouping(agent) = 0, toString(agent), grouping(feature) = 0, toString(feature),
        prompt_version = '', toString(prompt), concat(prompt, '@', prompt_version)),
    count() AS calls_,
    countIf(error_class != '') AS errors_,
    sum(fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input) AS input_,
    sum(text_output + reasoning + audio_output) AS output_,
    sum(cost) AS cost_,
    countIf(unpriced != '' AND bitAnd(flags, {billed_otherwise:UInt32}) = 0) AS unpriced_calls_,
    0
FROM calls_of(minutes = {minutes:Array(DateTime('UTC'))})
GROUP BY GROUPING SETS
(
    (hour_, tenant, team), (hour_, tenant, key), (hour_, tenant, user), (hour_, tenant, agent), (hour_, tenant, feature),
    (hour_, tenant, prompt, prompt_version)
)
