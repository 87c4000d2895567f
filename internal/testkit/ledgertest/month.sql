-- {calls} calls of five tenants in the minutes {minutes}, an array of times. Nights and weekends are quieter; some calls fail, some have no price.
INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, tenant_source, start, received, duration_ns, first_token_ns,
    provider, model, request_model, operation, kind, finish_reason, error_class, service, environment, region, team, key, user, agent,
    feature, prompt, prompt_version, conversation, emitter, rule, fresh_input, cache_read, text_output, reasoning,
    cost_input, cost_cache_read, cost_output, cost_reasoning, cache_saved, price_version, price_entry, unpriced, request_bytes, response_bytes)
WITH
    {minutes} AS minutes,
    ['acme-support', 'globex-search', 'hooli-docs', 'initech-agents', 'umbrella-batch'] AS tenants,
    ['openai', 'openai', 'anthropic', 'gcp.gemini'] AS providers,
    ['gpt-5', 'gpt-5-mini', 'claude-sonnet-4-5', 'gemini-2.5-flash'] AS models,
    [1250, 250, 3000, 300] AS input_price,
    [10000, 2000, 15000, 2500] AS output_price
SELECT
    at, tenants[who + 1], unhex(hex(sipHash128(number, 1))), unhex(leftPad(hex(sipHash64(number, 2)), 16, '0')), 1, 'resource',
    at + INTERVAL number % 60 SECOND, toDateTime64(at + INTERVAL number % 60 SECOND, 3, 'UTC') + toIntervalMillisecond(400 + luck % 9000 + luck % 4700), 400000000 + luck % 9000000000, 90000000 + luck % 900000000,
    providers[what], models[what], models[what], 'chat', 'stream', 'stop', multiIf(luck % 97 = 0, 'rate_limited', luck % 211 = 0, 'timeout', ''),
    ['assistant', 'search', 'docs', 'agents', 'nightly'][who + 1], if(luck % 9 = 0, 'staging', 'production'), ['eu-west-1', 'us-east-1'][luck % 2 + 1],
    ['support', 'growth', 'platform'][luck % 3 + 1], concat('key-', toString(luck % 4)), concat('user-', toString(luck % 23)),
    ['', 'planner', 'researcher'][luck % 3 + 1], ['answer', 'summarise', 'classify'][luck % 3 + 1], ['greet', 'cite'][luck % 2 + 1], concat('v', toString(luck % 3 + 1)),
    concat('conversation-', toString(luck % 400)), 'opentelemetry.instrumentation.openai_v2', 'otel',
    if(failed, 0, 300 + luck % 4000) AS fresh, if(failed, 0, luck % 5000 * (who < 3)) AS cached, if(failed, 0, 50 + luck % 900) AS output, if(failed, 0, luck % 300 * (what = 1)) AS thought,
    if(unknown, 0, toDecimal64(input_price[what], 12) / 1000000000 * fresh), if(unknown, 0, toDecimal64(input_price[what], 12) / 10000000000 * cached),
    if(unknown, 0, toDecimal64(output_price[what], 12) / 1000000000 * output), if(unknown, 0, toDecimal64(output_price[what], 12) / 1000000000 * thought),
    if(unknown, 0, toDecimal64(input_price[what] * 9, 12) / 10000000000 * cached), 'a book', concat(providers[what], '/', models[what]), if(unknown, 'unknown_model', ''),
    fresh * 4, output * 4
FROM
(
    SELECT number, at, luck, (luck % 11 * (1 + number % 5)) % 5 AS who, luck % 4 + 1 AS what, luck % 97 = 0 OR luck % 211 = 0 AS failed, luck % 307 = 3 AS unknown
    FROM
    (
        SELECT number, sipHash64(number, 3) % 1000000007 AS luck, minutes[number % length(minutes) + 1] AS at
        FROM numbers({calls})
    )
    WHERE luck % 100 < multiIf(toDayOfWeek(at) > 5, 35, toHour(at) BETWEEN 8 AND 18, 100, 55)
)
