-- What the benchmark stores and reads. A call's every column comes from its number.
-- name: store
INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, parent_span_id, tenant_source, start, received, duration_ns,
    first_token_ns, provider, model, request_model, operation, kind, finish_reason, service, environment, region, team, key, user,
    agent, feature, prompt, prompt_version, conversation, response_id, emitter, rule, raw, fresh_input, cache_read, text_output,
    reasoning, cost_input, cost_cache_read, cost_output, cost_reasoning, price_version, price_entry, flags)
SETTINGS async_insert = 0, deduplicate_insert = 'disable'
WITH
    number + {first:UInt64} AS i,
    sipHash64(i, {minute:DateTime('UTC')}) AS h,
    toUInt64(pow(200, (h % 10000) / 10000)) AS t,
    intDiv(h, 10007) % 3 + t % 28 AS m
SELECT
    {minute:DateTime('UTC')}, concat('tenant-', toString(t)),
    reinterpret(sipHash128(i, {minute:DateTime('UTC')}), 'FixedString(16)'), reinterpret(h, 'FixedString(8)'),
    bitOr(toUInt64(7) * 72057594037927936, h % 1099511627776), toFixedString('', 8), 'auth',
    toDateTime64({minute:DateTime('UTC')}, 9, 'UTC') + toIntervalNanosecond(intDiv(i * 60000000000, 300000)),
    toDateTime64({minute:DateTime('UTC')}, 3, 'UTC') + 1, 200000000 + h % 9000000000, if(h % 3 = 0, 100000000 + h % 900000000, 0),
    ['openai', 'anthropic', 'gcp.gemini'][m % 3 + 1], concat('model-', toString(m)), concat('model-', toString(m)), 'chat',
    if(h % 3 = 0, 'stream', 'sync'), 'stop', concat('service-', toString(t % 7)), 'prod', 'eu', concat('team-', toString(h % 8)),
    concat('key-', toString(h % 20)), concat('user-', toString(h % 3000)), concat('agent-', toString(h % 5)),
    concat('feature-', toString(h % 9)), 'answer', toString(h % 4), toString(intDiv(h, 77) % 100000), h, 'openai@1', 'otel-openai',
    map('input', toInt64(h % 4000), 'output', toInt64(h % 700)), h % 4000, h % 1500, h % 700, h % 90,
    toDecimal64(h % 4000, 12) / 400000, toDecimal64(h % 1500, 12) / 4000000, toDecimal64(h % 700, 12) / 100000,
    toDecimal64(h % 90, 12) / 100000, 'abc', concat('openai/model-', toString(m)), if(h % 100 < 3, 512, 0)
FROM numbers({count:UInt64})
-- name: store_keys
-- A minute of which only what the rollup's rows depend on is stored, as the whole minutes have it.
INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, duration_ns, first_token_ns, provider, model, operation, service, environment, region,
    fresh_input, text_output, cost_input, cost_output)
SETTINGS async_insert = 0, deduplicate_insert = 'disable'
WITH
    sipHash64(number, {minute:DateTime('UTC')}) AS h,
    toUInt64(pow(200, (h % 10000) / 10000)) AS t,
    intDiv(h, 10007) % 3 + t % 28 AS m
SELECT
    {minute:DateTime('UTC')}, concat('tenant-', toString(t)), toFixedString(reinterpretAsString(h), 16), reinterpret(number, 'FixedString(8)'),
    bitOr(toUInt64(7) * 72057594037927936, h % 1099511627776), 200000000 + h % 9000000000, if(h % 3 = 0, 100000000 + h % 900000000, 0),
    ['openai', 'anthropic', 'gcp.gemini'][m % 3 + 1], concat('model-', toString(m)), 'chat', concat('service-', toString(t % 7)), 'prod', 'eu',
    h % 4000, h % 700, toDecimal64(h % 4000, 12) / 400000, toDecimal64(h % 700, 12) / 100000
FROM numbers({count:UInt64})
-- name: mark
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT {level:String}, {window:DateTime('UTC')}, generateUUIDv4(), now64(3) - 1, 0
-- name: plain
SELECT tenant, sum(cost_input + cost_cache_read + cost_cache_write + cost_output + cost_reasoning + cost_other)
FROM call_reports WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} GROUP BY tenant FORMAT Null
-- name: size
SELECT sum(calls), count() FROM spend_minute(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
-- name: copy_hour
INSERT INTO cost_hour SELECT * REPLACE ({to:DateTime('UTC')} AS window, 1 AS n, 1 AS worker) FROM cost_hour
WHERE window = {from:DateTime('UTC')} AND (n, worker) IN (SELECT max((n, worker)) FROM window_revisions WHERE level = 'hour' AND committed = 1 AND window = {from:DateTime('UTC')})
-- name: copy_hour_by
INSERT INTO cost_hour_by SELECT * REPLACE ({to:DateTime('UTC')} AS window, 1 AS n, 1 AS worker) FROM cost_hour_by
WHERE window = {from:DateTime('UTC')} AND (n, worker) IN (SELECT max((n, worker)) FROM window_revisions WHERE level = 'hour_by' AND committed = 1 AND window = {from:DateTime('UTC')})
-- name: copy_revision
INSERT INTO window_revisions (level, window, n, worker, committed, rows)
SELECT arrayJoin(['hour', 'hour_by']), {to:DateTime('UTC')}, 1, 1, 1, 0
-- name: old_calls
INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, cost_input)
SETTINGS async_insert = 0, deduplicate_insert = 'disable'
SELECT {minute:DateTime('UTC')}, concat('tenant-', toString(number % 200)), reinterpret(sipHash128(number), 'FixedString(16)'),
    reinterpret(sipHash64(number), 'FixedString(8)'), 1, 0.001
FROM numbers(300000)
-- name: old_settlements
INSERT INTO settlements (minute, tenant, trace_id, span_id, revision, loses)
SETTINGS async_insert = 0, deduplicate_insert = 'disable'
SELECT {minute:DateTime('UTC')}, concat('tenant-', toString(number % 200)), reinterpret(sipHash128(number), 'FixedString(16)'),
    reinterpret(sipHash64(number), 'FixedString(8)'), 1, 1
FROM numbers(330000)
-- name: old_revisions
INSERT INTO window_revisions (level, window, n, worker, committed, rows)
SELECT 'minute', {minute:DateTime('UTC')} + INTERVAL intDiv(number, 20) MINUTE, number % 20 + 1, number, 1, 10 FROM numbers(28800)
-- name: old_marks
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT 'minute', {minute:DateTime('UTC')}, generateUUIDv4(), now64(3) - 1, 1 FROM numbers(30000)
-- name: candidates
-- The flagged 3 % as pairs: a client's report and its gateway's, of one response id, in traces of their own.
INSERT INTO settle_candidates (hour, response_id, trace_id, span_id, minute, tenant, version, parent_span_id, provider, role, rank,
    flags, start, duration_ns, operation, input, output)
SETTINGS async_insert = 0, deduplicate_insert = 'disable'
WITH
    number AS i,
    intDiv(number, 2) AS pair,
    sipHash64(pair, {minute:DateTime('UTC')}) AS h
SELECT
    toStartOfHour({minute:DateTime('UTC')}), h, reinterpret(sipHash128(i, {minute:DateTime('UTC')}, 1), 'FixedString(16)'),
    reinterpret(sipHash64(i, {minute:DateTime('UTC')}, 1), 'FixedString(8)'), {minute:DateTime('UTC')}, concat('tenant-', toString(h % 200)),
    bitOr(toUInt64(7) * 72057594037927936, h % 1099511627776), toFixedString('', 8), 'openai', if(i % 2 = 0, 'wrapper', 'leaf'),
    if(i % 2 = 0, 80, 95), 1536, toDateTime64({minute:DateTime('UTC')}, 9, 'UTC') + toIntervalMillisecond(i * 6), 1000000000, 'chat',
    h % 4000, h % 700
FROM numbers(9000)
-- name: late
INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, cost_input)
SETTINGS async_insert = 0, deduplicate_insert = 'disable'
SELECT {minute:DateTime('UTC')} + toIntervalMinute(67 * number), 'acme', reinterpret(sipHash128(number), 'FixedString(16)'),
    reinterpret(sipHash64(number), 'FixedString(8)'), 1, 0.001
FROM numbers({count:UInt64})
-- name: late_marks
INSERT INTO dirty_windows (level, window, id, due, done)
SELECT 'minute', {minute:DateTime('UTC')} + toIntervalMinute(67 * number), generateUUIDv4(), now64(3) - 1, 0 FROM numbers({count:UInt64})
