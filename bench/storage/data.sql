-- Calls of 200 tenants, few of them large, as collectors send them: every column comes from the call's number. The first half
-- of {calls} lies evenly over nine days, the second half in the hour before {end}.
-- name: source
CREATE TABLE source ENGINE = MergeTree PARTITION BY chunk ORDER BY tuple() AS
SELECT toUInt32(0) AS chunk, * FROM call_reports WHERE 0
-- name: fill
INSERT INTO source (chunk, minute, tenant, trace_id, span_id, version, parent_span_id, tenant_source, start, received, duration_ns,
    first_token_ns, provider, model, request_model, operation, kind, service_tier, finish_reason, error_class, service, environment, region, team, key, user,
    agent, feature, prompt, prompt_version, conversation, response_id, emitter, rule, rank, raw, fresh_input, cache_read, text_output,
    reasoning, cost_input, cost_cache_read, cost_output, cost_reasoning, cache_saved, price_version, price_entry, flags, request_bytes, response_bytes)
SETTINGS async_insert = 0, deduplicate_insert = 'disable'
WITH
    number AS i,
    intDiv({calls:UInt64}, 2) AS half,
    {end:DateTime('UTC')} AS end,
    if(i < half, toDateTime64(end, 9, 'UTC') - toIntervalDay(9) - toIntervalHour(1) + toIntervalNanosecond(intDiv(i * 777600000, half) * 1000000 + sipHash64(i, 1) % 1000000),
        toDateTime64(end, 9, 'UTC') - toIntervalHour(1) + toIntervalNanosecond(intDiv((i - half) * 3600000, half) * 1000000 + sipHash64(i, 1) % 1000000)) AS at,
    sipHash64(i, 2) AS h,
    sipHash64(i, 3) AS g,
    sipHash64(i, 4) AS e,
    toUInt64(pow(200, (h % 10000) / 10000)) AS t,
    intDiv(h, 10007) % 3 + t % 28 AS m,
    toUInt64(exp(4 + (g % 1000) / 160)) AS prompt_tokens,
    if(g % 3 = 0, intDiv(prompt_tokens, 2), 0) AS cached,
    toUInt64(exp(2 + (intDiv(g, 1000) % 1000) / 200)) AS answer_tokens,
    if(m % 4 = 0, intDiv(answer_tokens, 3), 0) AS thought,
    toDecimal64(25 * (m % 12 + 1), 12) / 100000000 AS price,
    toUInt64(200000000 + answer_tokens * 12000000 + e % 300000000) AS took
SELECT
    {chunk:UInt32}, toStartOfMinute(toDateTime(at, 'UTC')), concat('tenant-', toString(t)),
    reinterpret(sipHash128(i, 5), 'FixedString(16)'), reinterpret(sipHash64(i, 6), 'FixedString(8)'),
    bitOr(toUInt64(7) * 72057594037927936, e % 1099511627776), if(e % 4 = 0, toFixedString('', 8), reinterpret(sipHash64(i, 7), 'FixedString(8)')), 'auth',
    at, toDateTime64(at, 3, 'UTC') + toIntervalMillisecond(intDiv(took, 1000000) + e % 5000), took,
    if(e % 3 = 0, 100000000 + e % 900000000, 0), ['openai', 'anthropic', 'gcp.gemini'][m % 3 + 1], concat('model-', toString(m), '-2026-03-01'),
    concat('model-', toString(m)), 'chat', if(e % 3 = 0, 'stream', 'sync'), if(e % 50 = 0, 'batch', ''), if(e % 20 = 0, 'length', 'stop'), if(e % 200 = 0, 'rate_limit', ''),
    concat('service-', toString(t % 7)), 'prod', 'eu', concat('team-', toString(h % 8)),
    concat('key-', toString(t), '-', toString(h % 20)), concat('user-', toString(intDiv(h, 100) % 3000)), concat('agent-', toString(h % 5)),
    concat('feature-', toString(h % 9)), 'answer', toString(h % 4), if(e % 2 = 0, lower(hex(sipHash64(intDiv(h, 77) % 100000))), ''), g, 'openai@1', 'otel-openai',
    95, map('input', toInt64(prompt_tokens), 'output', toInt64(answer_tokens)), prompt_tokens - cached, cached, answer_tokens - thought, thought,
    price * (prompt_tokens - cached), price * cached / 10, price * 4 * (answer_tokens - thought), price * 4 * thought, price * cached - price * cached / 10,
    'b1946ac92492d2347c6235b4d2611184', concat('openai/model-', toString(m)), if(h % 100 < 3, 512, 0), prompt_tokens * 4, answer_tokens * 5
FROM numbers({first:UInt64}, {count:UInt64})
-- name: insert
INSERT INTO call_reports SELECT * EXCEPT chunk FROM source.source WHERE chunk = {chunk:UInt32} SETTINGS async_insert = 0, deduplicate_insert = 'disable', optimize_on_insert = 0
-- name: create
SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = 'call_reports'
-- name: size
SELECT sum(bytes_on_disk) / sum(rows), sum(rows), count() FROM system.parts WHERE database = currentDatabase() AND table = 'call_reports' AND active
-- name: columns
SELECT column, sum(column_data_compressed_bytes) / sum(rows), sum(column_bytes_on_disk) / sum(rows) FROM system.parts_columns
WHERE database = currentDatabase() AND table = 'call_reports' AND active AND part_type = 'Wide' GROUP BY column ORDER BY 2 DESC
-- name: one
SELECT tenant, lower(hex(trace_id)), lower(hex(span_id)), minute FROM call_reports WHERE minute = {minute:DateTime('UTC')} LIMIT 1 OFFSET 7
