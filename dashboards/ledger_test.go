package dashboards_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/schema"
)

const theTrace = "cafe0000000000000000000000000001"

// ledgerWithCalls is a database whose rollups stand on calls of the last two days and of last month.
func ledgerWithCalls(t *testing.T) string {
	ctx := t.Context()
	server := clickhousetest.Start(t)
	db := server.Database(t)
	_, err := schema.Apply(ctx, db, schema.DefaultOptions())
	require.NoError(t, err)
	for _, statement := range []string{
		`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, received, duration_ns, provider, model, operation,
			service, environment, team, user, error_class, unpriced, fresh_input, cache_read, text_output, reasoning,
			cost_input, cost_cache_read, cost_output, cost_reasoning, cache_saved)
		WITH toStartOfMinute(now('UTC') - INTERVAL number % 30 * 95 MINUTE) AS at
		SELECT at, ['acme', 'globex', 'unattributed'][number % 3 + 1], unhex(lpad(hex(number), 32, '0')), unhex(lpad(hex(number), 16, '0')), 1,
			at, at, 1e9 + number * 1e6, 'openai', ['gpt-5', 'gpt-5-mini'][number % 2 + 1], 'chat', 'search', 'prod', 'research',
			concat('user-', toString(number % 5)), if(number % 50 = 0, 'rate_limited', ''), if(number % 40 = 7, 'unknown_model', ''),
			100 + number, 50, 20, 5, 0.000001 * number, 0.00000025, 0.0002, 0.00005, 0.0000001
		FROM numbers(420)`,
		`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, model, cost_output)
		SELECT toStartOfMinute(now('UTC') - INTERVAL 31 DAY), 'acme', 'aaaaaaaaaaaaaaaa', 'bbbbbbbb', 1, 'gpt-5', 1.25`,
		`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, model, cost_output)
		SELECT toStartOfHour(now('UTC')) - INTERVAL 30 MINUTE, 'acme', 'of the last hour', 'lasthour', 1, now64(9), 'gpt-5', 0.5`,
		`INSERT INTO dirty_windows (level, window, id, due, done)
		SELECT 'minute', minute, generateUUIDv4(), now64(3), 0 FROM (SELECT DISTINCT minute FROM call_reports)`,
		`INSERT INTO alert_events (episode, sequence, rule, kind, tenant, state, summary, at)
		VALUES (generateUUIDv4(), 1, 'spike', 'spike', 'acme', 'firing', 'ten times as fast as before', now64(3))`,
		`INSERT INTO budgets (name, tenant, period, amount) VALUES ('acme-month', 'acme', 'month', 100), ('everybody', '*', 'day', 10)`,
		`INSERT INTO spans (minute, tenant, trace_id, span_id, parent_span_id, start, duration_ns, service, name, kept, sample_probability)
		SELECT toStartOfMinute(now('UTC')), 'acme', unhex('cafe0000000000000000000000000001'), s.1, s.2, now64(9) + s.3, s.4, 'search', s.5, 'error', 1
		FROM (SELECT arrayJoin([('root0000', '', 0, 9e9, 'answer'), ('plan0000', 'root0000', 1, 3e9, 'plan'), ('writ0000', 'root0000', 5, 3e9, 'write'),
			('lost0000', 'gone0000', 8, 1e9, 'lost child')]) AS s)`,
		`INSERT INTO call_reports (minute, tenant, trace_id, span_id, parent_span_id, version, start, duration_ns, provider, model, service, cost_output)
		SELECT toStartOfMinute(now('UTC')), 'acme', unhex('cafe0000000000000000000000000001'), s.1, s.2, 1, now64(9) + s.3, 1e9, 'openai', 'gpt-5', 'search', s.4
		FROM (SELECT arrayJoin([('call0000', 'plan0000', 2, 0.25), ('writ0000', 'root0000', 5, 0.125), ('lost0000', 'gone0000', 8, 0.0625)]) AS s)`,
		`INSERT INTO settlements (minute, tenant, trace_id, span_id, revision, loses, reason) SELECT toStartOfMinute(now('UTC')), 'acme', 'no such trace id', 'nospanid', 1, 1, 'twin'`,
		`INSERT INTO throttle_events (tenant, sequence, step, level, gateway, episode, rule, issued, expires, at)
		VALUES ('acme', 1, 'ordered', 'slow', 'edge', generateUUIDv4(), 'spike', now64(3), now64(3) + 60, now64(3))`,
		`INSERT INTO ingest_freshness (topic, partition, complete_to) VALUES ('tollkeeper.calls.v1', 0, now64(3))`,
		`INSERT INTO ingest_ranges (topic, topic_id, partition, kind, first, next) VALUES ('tollkeeper.calls.v1', generateUUIDv4(), 0, 'gap', 0, 7)`,
		`INSERT INTO process_metrics (seen, process, name, labels, counter, value) VALUES (now('UTC'), 'p', 'tollkeeper_ingest_lag', {'stream': 'calls', 'partition': '0'}, 0, 5),
			(now('UTC'), 'p', 'tollkeeper_ingest_dead_letters_total', {'stream': 'calls', 'reason': 'unreadable'}, 1, 2)`,
		`INSERT INTO dashboard_figures (name, key, value, at) VALUES ('tokens_per_minute', 'openai/gpt-5', 1000, now64(3)), ('egress_usd_per_gb', '', 0.09, now64(3)),
			('storage_usd_per_gb_month', 'hot', 0.1, now64(3))`,
		`INSERT INTO budget_states (name, tenant, period, time_zone, begins, ends, amount, spent, week, source, at) SELECT 'acme-month', 'acme', 'month', 'Europe/Berlin', now() - 86400, now() + 86400, 100, 40, 70,
			'configuration', now64(3)`,
		`INSERT INTO forecasts (month, tenant, low, likely, high, at) SELECT toStartOfMonth(now('UTC')), arrayJoin(['*', 'acme']), 1, 2, 3, now64(3)`,
		`INSERT INTO chargebacks (month, tenant, own, total, at) SELECT toStartOfMonth(now('UTC')), 'acme', 1, 1, now64(3)`,
		`INSERT INTO adjustments (id, booked, original, tenant, provider, model, kind, cost, calls) SELECT generateUUIDv4(), toStartOfMonth(now('UTC')), '2026-01-02', 'acme', 'openai', 'gpt-5', 'late_call', 0.5, 1`,
		`INSERT INTO job_runs (job, process, runs) VALUES ('minute', 'p', 1)`,
	} {
		server.Exec(t, db, statement)
	}
	rollUp(ctx, t, db)
	return db
}

func rollUp(ctx context.Context, t *testing.T, db string) {
	conn, err := schema.Open(db)
	require.NoError(t, err)
	defer conn.Close()
	r, err := rollup.New(rollup.DefaultConfig(), rollup.Deps{ClickHouse: conn, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	for _, level := range rollup.Levels() {
		_, err := r.RunOnce(ctx, level)
		require.NoError(t, err)
	}
	require.NoError(t, r.PublishTouched(ctx))
}
