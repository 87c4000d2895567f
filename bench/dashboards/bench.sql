-- What the benchmark stores. A call's every column comes from its number. Days count back from today, UTC.
-- name: calls
INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, tenant_source, start, received, duration_ns, first_token_ns, provider, model, request_model, operation,
    service, environment, region, team, key, user, agent, feature, prompt, prompt_version, error_class, fresh_input, cache_read, text_output, reasoning,
    cost_input, cost_cache_read, cost_output, cost_reasoning, cache_saved, price_version, price_entry, unpriced, request_bytes)
SETTINGS async_insert = 0, deduplicate_insert = 'disable'
WITH
    toStartOfDay(now('UTC')) - INTERVAL {day:UInt32} DAY + toIntervalSecond(intDiv(number * 86400, {calls:UInt64})) AS at,
    sipHash64(number, {day:UInt32}) AS h,
    toUInt64(pow(200, (h % 10000) / 10000)) AS t,
    (intDiv(h, 10007) % 12 * 7 + t) % 30 AS m,
    h % 997 = 0 AS missing
SELECT
    toStartOfMinute(at), concat('tenant-', toString(t)), unhex(lpad(hex(intDiv(number, 3) + {day:UInt32} * 10000000), 32, '0')), unhex(lpad(hex(number + 1), 16, '0')), 1, 'auth',
    at, toDateTime64(at, 3, 'UTC') + 1 + h % 5, 200000000 + h % 5000000000, if(h % 3 = 0, 100000000 + h % 500000000, 0),
    ['openai', 'anthropic', 'gcp.gemini'][m % 3 + 1], concat('model-', toString(m)), concat('model-', toString(m)), 'chat',
    concat('service-', toString(intDiv(h, 1009) % 3)), 'production', 'eu', concat('team-', toString(intDiv(h, 11) % 5)), concat('key-', toString(h % 9)),
    concat('user-', toString(intDiv(h, 13) % 2000)), concat('agent-', toString(h % 4)), concat('feature-', toString(h % 6)), 'prompt', toString(h % 3), if(h % 61 = 0, 'timeout', ''),
    h % 2000, h % 900, h % 400, h % 50,
    if(missing, 0, toDecimal64(h % 2000, 12) / 1000000), if(missing, 0, toDecimal64(h % 900, 12) / 10000000), if(missing, 0, toDecimal64(h % 400, 12) / 100000),
    if(missing, 0, toDecimal64(h % 50, 12) / 100000), if(missing, 0, toDecimal64(h % 900, 12) / 2000000), 'book', 'entry', if(missing, 'no_price', ''), 1000 + h % 9000
FROM numbers({calls:UInt64})
WHERE at < now('UTC')

-- name: spans
INSERT INTO spans (minute, tenant, trace_id, span_id, parent_span_id, start, duration_ns, service, name, kind, status, kept, sample_probability, version)
SELECT minute, tenant, trace_id, part.1, part.2, start, duration_ns, service, part.3, 'internal', 'Ok', 'sampled', 0.05, 1
FROM call_reports
ARRAY JOIN [(span_id, unhex('AAAAAAAAAAAAAAAA'), 'chat'), (unhex('AAAAAAAAAAAAAAAA'), unhex('0000000000000000'), 'answer'),
    (reinterpret(cityHash64(span_id), 'FixedString(8)'), span_id, 'POST')] AS part
WHERE minute >= toStartOfDay(now('UTC')) - INTERVAL {day:UInt32} DAY AND minute < toStartOfDay(now('UTC')) - INTERVAL {day:UInt32} DAY + INTERVAL 1 DAY
  AND (reinterpretAsUInt64(reverse(trace_id)) % 20 = 7)

-- name: minutes
INSERT INTO cost_minute (window, n, worker, tenant, provider, model, operation, service, environment, region, calls, errors, unpriced_calls, streamed_calls, fresh_input, cache_read, text_output,
    reasoning, cost, cost_input, cost_cache_read, cost_output, cost_reasoning, list_cost, cache_saved, request_bytes, latency, first_token)
SELECT minute, 1, 1, tenant, provider, model, operation, service, environment, region, count(), countIf(error_class != ''), countIf(unpriced != ''), 0, sum(r.fresh_input), sum(r.cache_read),
    sum(r.text_output), sum(r.reasoning), sum(r.cost_input) + sum(r.cost_cache_read) + sum(r.cost_output) + sum(r.cost_reasoning), sum(r.cost_input), sum(r.cost_cache_read), sum(r.cost_output),
    sum(r.cost_reasoning), sum(r.cost_input) + sum(r.cost_cache_read) + sum(r.cost_output) + sum(r.cost_reasoning), sum(r.cache_saved), sum(r.request_bytes),
    sumMap(map(toUInt8(80 + duration_ns % 12), toUInt64(1))), sumMapIf(map(toUInt8(70 + duration_ns % 8), toUInt64(1)), first_token_ns > 0)
FROM call_reports AS r
WHERE minute >= toStartOfDay(now('UTC')) - INTERVAL {day:UInt32} DAY AND minute < toStartOfDay(now('UTC')) - INTERVAL {day:UInt32} DAY + INTERVAL 1 DAY
GROUP BY minute, tenant, provider, model, operation, service, environment, region

-- name: hours
INSERT INTO cost_hour (window, n, worker, tenant, provider, model, operation, service, environment, region, calls, errors, unpriced_calls, streamed_calls, fresh_input, cache_read, text_output,
    reasoning, cost, cost_input, cost_cache_read, cost_output, cost_reasoning, list_cost, cache_saved, request_bytes, latency, first_token)
SELECT toStartOfHour(c.window) AS hour, 1, 1, tenant, provider, model, operation, service, environment, region, sum(c.calls), sum(c.errors), sum(c.unpriced_calls), sum(c.streamed_calls),
    sum(c.fresh_input), sum(c.cache_read), sum(c.text_output), sum(c.reasoning), sum(c.cost), sum(c.cost_input), sum(c.cost_cache_read), sum(c.cost_output), sum(c.cost_reasoning), sum(c.list_cost),
    sum(c.cache_saved), sum(c.request_bytes), sumMap(c.latency), sumMap(c.first_token)
FROM cost_minute AS c
WHERE c.window >= toStartOfDay(now('UTC')) - INTERVAL {day:UInt32} DAY
  AND c.window < least(toStartOfDay(now('UTC')) - INTERVAL {day:UInt32} DAY + INTERVAL 1 DAY, toStartOfHour(now('UTC')))
GROUP BY hour, tenant, provider, model, operation, service, environment, region

-- name: days
INSERT INTO cost_day (window, n, worker, tenant, provider, model, operation, service, environment, region, calls, errors, unpriced_calls, streamed_calls, fresh_input, cache_read, text_output,
    reasoning, cost, cost_input, cost_cache_read, cost_output, cost_reasoning, list_cost, cache_saved, request_bytes, latency, first_token)
SELECT toStartOfDay(c.window) AS day, 1, 1, tenant, provider, model, operation, service, environment, region, sum(c.calls), sum(c.errors), sum(c.unpriced_calls), sum(c.streamed_calls),
    sum(c.fresh_input), sum(c.cache_read), sum(c.text_output), sum(c.reasoning), sum(c.cost), sum(c.cost_input), sum(c.cost_cache_read), sum(c.cost_output), sum(c.cost_reasoning), sum(c.list_cost),
    sum(c.cache_saved), sum(c.request_bytes), sumMap(c.latency), sumMap(c.first_token)
FROM cost_hour AS c
WHERE {day:UInt32} > 0 AND c.window >= toStartOfDay(now('UTC')) - INTERVAL {day:UInt32} DAY AND c.window < toStartOfDay(now('UTC')) - INTERVAL {day:UInt32} DAY + INTERVAL 1 DAY
GROUP BY day, tenant, provider, model, operation, service, environment, region

-- name: hours_by
INSERT INTO cost_hour_by (window, n, worker, tenant, dimension, value, calls, input, output, cost)
SELECT toStartOfHour(minute) AS hour, 1, 1, tenant,
    multiIf(grouping(team) = 0, 'team', grouping(key) = 0, 'key', grouping(user) = 0, 'user', grouping(agent) = 0, 'agent', grouping(feature) = 0, 'feature', 'prompt'),
    multiIf(grouping(team) = 0, toString(team), grouping(key) = 0, toString(key), grouping(user) = 0, user, grouping(agent) = 0, toString(agent), grouping(feature) = 0, toString(feature),
        concat(prompt, '@', prompt_version)),
    count(), sum(fresh_input + cache_read), sum(text_output + reasoning), sum(cost_input + cost_cache_read + cost_output + cost_reasoning)
FROM call_reports
WHERE minute >= toStartOfDay(now('UTC')) - INTERVAL {day:UInt32} DAY AND minute < toStartOfDay(now('UTC')) - INTERVAL {day:UInt32} DAY + INTERVAL 1 DAY
GROUP BY GROUPING SETS ((hour, tenant, team), (hour, tenant, key), (hour, tenant, user), (hour, tenant, agent), (hour, tenant, feature), (hour, tenant, prompt, prompt_version))

-- name: days_by
INSERT INTO cost_day_by (window, n, worker, tenant, dimension, value, calls, input, output, cost, cut)
SELECT day, 1, 1, tenant, dimension, if(place > 1000, '', value) AS value_, sum(calls_), sum(input_), sum(output_), sum(cost_), countIf(place > 1000)
FROM
(
    SELECT *, row_number() OVER (PARTITION BY tenant, dimension ORDER BY cost_ DESC, value) AS place
    FROM
    (
        SELECT toStartOfDay(window) AS day, tenant, dimension, value, sum(calls) AS calls_, sum(input) AS input_, sum(output) AS output_, sum(cost) AS cost_
        FROM cost_hour_by
        WHERE {day:UInt32} > 0 AND toStartOfDay(window) = toStartOfDay(now('UTC')) - INTERVAL {day:UInt32} DAY
        GROUP BY day, tenant, dimension, value
    )
)
GROUP BY day, tenant, dimension, value_, place > 1000

-- name: copy
INSERT INTO {table:Identifier} SELECT * REPLACE (c.window - INTERVAL {back:UInt32} DAY AS window)
FROM {table:Identifier} AS c
WHERE toStartOfDay(c.window) = toStartOfDay(now('UTC')) - INTERVAL {day:UInt32} DAY

-- name: revisions
INSERT INTO window_revisions (level, window, n, worker, committed, rows)
SELECT level.1, arrayJoin(range(toUInt32(toStartOfDay(now('UTC')) - INTERVAL {days:UInt32} DAY), toUInt32(level.3), level.2))::DateTime('UTC'), 1, 1, 1, 1
FROM (SELECT arrayJoin([('minute', 60, toStartOfMinute(now('UTC')) + 60), ('hour', 3600, toStartOfHour(now('UTC'))), ('day', 86400, toStartOfDay(now('UTC'))),
    ('hour_by', 3600, toStartOfHour(now('UTC'))), ('day_by', 86400, toStartOfDay(now('UTC')))]) AS level)

-- name: budgets
INSERT INTO budgets (name, tenant, period, amount, author, reason)
SELECT concat('budget-', toString(number)), concat('tenant-', toString(number)), 'month', 1000 + number, 'bench', 'bench' FROM numbers(200)

-- name: events
INSERT INTO alert_events (episode, at, tenant, state, rule, summary)
SELECT generateUUIDv4(number), now64(3) - toIntervalSecond(number * 600), concat('tenant-', toString(number % 200 + 1)), if(number % 2 = 0, 'firing', 'resolved'), 'rule', 'spends more than usual'
FROM numbers(4000)

-- name: metrics
INSERT INTO process_metrics (seen, process, name, labels, counter, value)
SELECT now('UTC') - toIntervalSecond(intDiv(number, 120) * 15), concat('process-', toString(number % 3)), concat('tollkeeper_ingest_', ['lag', 'dead_letters_total', 'rows'][intDiv(number, 3) % 3 + 1]),
    map('stream', ['calls', 'spans'][intDiv(number, 9) % 2 + 1], 'partition', toString(intDiv(number, 18) % 6)), 0, number % 100
FROM numbers(120 * 4 * 60 * 24 * 2)

-- name: compare
SELECT toString(sum(calls)), toString(sum(cost)) FROM (
    SELECT toInt64(calls) AS calls, cost FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    UNION ALL SELECT -1, -cost FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}))

-- name: behind
SELECT sum(calls) FROM spend(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})

-- name: keys
SELECT uniqExact(tenant, provider, model, operation, service, environment, region) FROM cost_hour WHERE window = toStartOfHour(now('UTC')) - INTERVAL 2 HOUR
