-- An episode that fires and the throttle that belongs to it.
INSERT INTO alert_events (episode, sequence, rule, kind, tenant, state, severity, value, threshold, summary, crossed, at) VALUES
    ('11111111-1111-1111-1111-111111111111', 1, 'spike', 'spike', 'umbrella-batch', 'firing', 'critical', 1.34, 0.2, 'umbrella-batch spends 1.34 USD a minute, 9 times as fast as at this hour of the week', now64(3) - 240, now64(3) - 239);

INSERT INTO throttle_events (tenant, sequence, step, level, gateway, episode, rule, limits, author, reason, answer, issued, expires, at) VALUES
    ('umbrella-batch', 7, 'ordered', 'slow', 'gateway', '11111111-1111-1111-1111-111111111111', 'spike', {'requests': 30}, 'tollkeeper', 'spends 9 times as fast as usual', '', now64(3) - 238, now64(3) + 600, now64(3) - 238),
    ('umbrella-batch', 7, 'effective', 'slow', 'gateway', '11111111-1111-1111-1111-111111111111', 'spike', {'requests': 30}, 'tollkeeper', 'spends 9 times as fast as usual', '200', now64(3) - 238, now64(3) + 600, now64(3) - 220),
    ('umbrella-batch', 7, 'acknowledged', 'slow', 'gateway', '11111111-1111-1111-1111-111111111111', 'spike', {'requests': 30}, 'tollkeeper', 'spends 9 times as fast as usual', '200', now64(3) - 238, now64(3) + 600, now64(3) - 237),
    ('initech-agents', 3, 'ordered', 'cap', 'gateway', '33333333-3333-3333-3333-333333333333', 'day budget', {'requests': 60}, 'tollkeeper', 'has used its day', '', now64(3) - 9000, now64(3) - 8000, now64(3) - 9000),
    ('initech-agents', 3, 'acknowledged', 'cap', 'gateway', '33333333-3333-3333-3333-333333333333', 'day budget', {'requests': 60}, 'tollkeeper', 'has used its day', '200', now64(3) - 9000, now64(3) - 8000, now64(3) - 8999),
    ('initech-agents', 3, 'effective', 'cap', 'gateway', '33333333-3333-3333-3333-333333333333', 'day budget', {'requests': 60}, 'tollkeeper', 'has used its day', '200', now64(3) - 9000, now64(3) - 8000, now64(3) - 8970),
    ('initech-agents', 4, 'released', 'cap', 'gateway', '33333333-3333-3333-3333-333333333333', 'day budget', {}, 'ann', 'agreed with the team', '200', now64(3) - 9000, now64(3) - 8000, now64(3) - 8100);

-- What the pipeline says of itself, and spans of the dearest calls.
INSERT INTO ingest_freshness (topic, partition, complete_to) SELECT 'tollkeeper.calls.v1', number, now64(3) - 0.4 FROM numbers(3);

INSERT INTO ingest_ranges (topic, topic_id, partition, kind, first, next, rows) SELECT 'tollkeeper.calls.v1', '44444444-4444-4444-4444-444444444444', number, 'range', 0, 3800 + number, 3800 FROM numbers(3);

INSERT INTO process_metrics (seen, process, name, labels, counter, value)
SELECT now('UTC') - toIntervalSecond(number * 60), 'ingest-1', 'tollkeeper_ingest_lag', map('stream', stream, 'partition', '0'), 0, sipHash64(number, stream) % 40
FROM numbers(360) ARRAY JOIN ['calls', 'spans'] AS stream;

INSERT INTO process_metrics (seen, process, name, labels, counter, value) VALUES (now('UTC') - 3000, 'ingest-1', 'tollkeeper_ingest_dead_letters_total', {'stream': 'spans', 'reason': 'unreadable'}, 1, 2);

-- They don't run, but pictures take their time: seen in an hour, they aren't gone then.
INSERT INTO job_runs (job, process, last_run, last_success, duration_ms, runs, at) SELECT job, 'rollup-1', now64(3) - 3, now64(3) - 3, 120 + length(job) * 9, 4000, now64(3) + 3600
FROM (SELECT arrayJoin(['minute', 'hour', 'day', 'hour_by', 'day_by', 'settle']) AS job);

INSERT INTO spans (minute, tenant, trace_id, span_id, parent_span_id, start, duration_ns, service, name, kind, status, kept, sample_probability, version)
SELECT minute, tenant, trace_id, part.1, part.2, start - toIntervalMillisecond(part.4), duration_ns + part.4 * 2000000, service, part.3, 'internal', 'Ok', 'cost', 1, 1
FROM (SELECT * FROM call_reports ORDER BY cost_input + cost_cache_read + cost_output + cost_reasoning DESC LIMIT 300)
ARRAY JOIN [(toFixedString('answer01', 8), toFixedString('', 8), 'POST /answer', 900), (toFixedString('plan0001', 8), toFixedString('answer01', 8), 'plan', 700),
    (toFixedString('search01', 8), toFixedString('answer01', 8), 'search documents', 400), (span_id, toFixedString('plan0001', 8), 'chat', 0)] AS part
