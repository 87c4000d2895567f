package main

// The calls of the 24 hours that ended {day} days ago.
const callsOfDay = `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, received, duration_ns, first_token_ns, provider, model, operation, service, environment,
		team, key, user, agent, feature, fresh_input, cache_read, text_output, cost_input, cost_cache_read, cost_output)
	WITH now('UTC') - INTERVAL {day} DAY - toIntervalSecond(intDiv(number * 86400, {calls})) AS at, cityHash64(number, {day}) AS h
	SELECT toStartOfMinute(at), concat('tenant-', toString(h % 200)), unhex(lpad(hex(intDiv(number, 3) + {day} * 10000000), 32, '0')), unhex(lpad(hex(number), 16, '0')), 1, at, at,
		200000000 + h % 5000000000, 100000000 + h % 500000000, ['openai', 'anthropic', 'google'][h % 3 + 1], concat('model-', toString(intDiv(h, 7) % 30)), 'chat',
		concat('service-', toString(h % 5)), 'production', concat('team-', toString(intDiv(h, 11) % 5)), 'key', concat('user-', toString(intDiv(h, 13) % 2000)), 'agent', 'feature',
		h % 2000, h % 900, h % 400, toDecimal64(h % 2000, 12) / 1000000, toDecimal64(h % 900, 12) / 10000000, toDecimal64(h % 400, 12) / 100000
	FROM numbers({calls})`

// The windows of a day of the calendar: minutes, hours and, for days that are over, the day.
var windowsOfDay = []string{
	`INSERT INTO cost_minute (window, n, worker, tenant, provider, model, operation, service, environment, calls, fresh_input, cache_read, text_output, cost, cost_input, cost_cache_read, cost_output, latency, first_token)
	SELECT minute, 1, 1, tenant, provider, model, operation, service, environment, count(), sum(fresh_input), sum(cache_read), sum(text_output), sum(cost_input + cost_cache_read + cost_output),
		sum(cost_input), sum(cost_cache_read), sum(cost_output), sumMap(map(toUInt8(80 + duration_ns % 12), toUInt64(1))), sumMap(map(toUInt8(70 + duration_ns % 8), toUInt64(1)))
	FROM call_reports
	WHERE minute >= toStartOfDay(now('UTC') - INTERVAL {day} DAY) AND minute < toStartOfDay(now('UTC') - INTERVAL {day} DAY) + INTERVAL 1 DAY
	GROUP BY minute, tenant, provider, model, operation, service, environment`,
	`INSERT INTO window_revisions (level, window, n, worker, committed)
	SELECT DISTINCT 'minute', minute, 1, 1, 1 FROM call_reports
	WHERE minute >= toStartOfDay(now('UTC') - INTERVAL {day} DAY) AND minute < toStartOfDay(now('UTC') - INTERVAL {day} DAY) + INTERVAL 1 DAY`,
	`INSERT INTO cost_hour (window, n, worker, tenant, provider, model, operation, service, environment, calls, fresh_input, cache_read, text_output, cost, cost_input, cost_cache_read, cost_output, latency, first_token)
	SELECT toStartOfHour(c.window) AS hour, 1, 1, tenant, provider, model, operation, service, environment, sum(c.calls), sum(c.fresh_input), sum(c.cache_read), sum(c.text_output), sum(c.cost),
		sum(c.cost_input), sum(c.cost_cache_read), sum(c.cost_output), sumMap(c.latency), sumMap(c.first_token)
	FROM cost_minute AS c
	WHERE c.window >= toStartOfDay(now('UTC') - INTERVAL {day} DAY) AND c.window < least(toStartOfDay(now('UTC') - INTERVAL {day} DAY) + INTERVAL 1 DAY, toStartOfHour(now('UTC')))
	GROUP BY hour, tenant, provider, model, operation, service, environment`,
	`INSERT INTO window_revisions (level, window, n, worker, committed)
	SELECT DISTINCT 'hour', window, 1, 1, 1 FROM cost_hour WHERE toStartOfDay(window) = toStartOfDay(now('UTC') - INTERVAL {day} DAY)`,
	`INSERT INTO cost_hour_by (window, n, worker, tenant, dimension, value, calls, input, output, cost)
	SELECT toStartOfHour(minute) AS hour, 1, 1, tenant, d.1, d.2, count(), sum(fresh_input + cache_read), sum(text_output), sum(cost_input + cost_cache_read + cost_output)
	FROM call_reports
	ARRAY JOIN [('team', toString(team)), ('key', toString(key)), ('user', user), ('agent', toString(agent)), ('feature', toString(feature)), ('prompt', '')] AS d
	WHERE minute >= toStartOfDay(now('UTC') - INTERVAL {day} DAY) AND minute < toStartOfDay(now('UTC') - INTERVAL {day} DAY) + INTERVAL 1 DAY
	GROUP BY hour, tenant, d.1, d.2`,
	`INSERT INTO window_revisions (level, window, n, worker, committed)
	SELECT DISTINCT 'hour_by', window, 1, 1, 1 FROM cost_hour_by WHERE toStartOfDay(window) = toStartOfDay(now('UTC') - INTERVAL {day} DAY)`,
	`INSERT INTO cost_day (window, n, worker, tenant, provider, model, operation, service, environment, calls, fresh_input, cache_read, text_output, cost, cost_input, cost_cache_read, cost_output, latency, first_token)
	SELECT toStartOfDay(c.window) AS day, 1, 1, tenant, provider, model, operation, service, environment, sum(c.calls), sum(c.fresh_input), sum(c.cache_read), sum(c.text_output), sum(c.cost),
		sum(c.cost_input), sum(c.cost_cache_read), sum(c.cost_output), sumMap(c.latency), sumMap(c.first_token)
	FROM cost_hour AS c
	WHERE toStartOfDay(c.window) = toStartOfDay(now('UTC') - INTERVAL {day} DAY) AND {day} > 0
	GROUP BY day, tenant, provider, model, operation, service, environment`,
	`INSERT INTO window_revisions (level, window, n, worker, committed)
	SELECT DISTINCT 'day', window, 1, 1, 1 FROM cost_day WHERE window = toStartOfDay(now('UTC') - INTERVAL {day} DAY)`,
}
