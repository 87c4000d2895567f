package explain_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards/explain"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/ledger/calendar"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// world is a ledger with 40 calls of two tenants over two days, one settled away, one unpriced, one of an agent.
func world(t *testing.T) driver.Conn {
	t.Helper()
	db := clickhousetest.Start(t).Database(t)
	opts := schema.DefaultOptions()
	opts.Retention = schema.Retention{} // the days are fixed and pass
	_, err := schema.Apply(t.Context(), db, opts)
	require.NoError(t, err)
	conn, err := schema.Open(db)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	for _, statement := range []string{
		`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, provider, model, operation, rule, tenant_source, price_entry, raw,
			fresh_input, cache_read, text_output, cost_input, cost_cache_read, cost_output)
		SELECT toDateTime('2026-10-24 12:00:00', 'UTC') + INTERVAL number * 50 MINUTE, ['acme', 'globex'][number % 2 + 1],
			unhex(lpad(hex(number + 1), 32, '0')), unhex(lpad(hex(number + 1), 16, '0')), 1, 'openai', ['gpt-4o', 'gpt-4o-mini'][number % 3 % 2 + 1], 'chat',
			'otel.genai', 'auth', 'p', map('input', 100 + number), 50 + number, 50, 20, toDecimal64('0.000001000001', 12) * number, 0.00000025, 0.0002
		FROM numbers(40)`,
		`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, provider, model, rule, tenant_source, unpriced, flags, text_output) VALUES
			('2026-10-25 10:00:00', 'acme', 'unpricedunpriced', 'unpriced', 1, 'openai', 'who', 'default', 'span', 'unknown_model', 0, 9)`,
		`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, provider, model, rule, tenant_source, flags, cost_output) VALUES
			('2026-10-25 10:00:00', 'acme', 'agentagentagent0', 'unseen00', 1, 'openai', 'gpt-4o', 'default', 'span', 2048, 0.5),
			('2026-10-25 10:00:00', 'acme', 'settledsettled00', 'settled0', 1, 'openai', 'gpt-4o', 'default', 'span', 0, 7)`,
		`INSERT INTO settlements (minute, tenant, trace_id, span_id, revision, loses, reason) VALUES
			('2026-10-25 10:00:00', 'acme', 'settledsettled00', 'settled0', 1, 1, 'parent')`,
		`INSERT INTO dirty_windows (level, window, id, due, done)
		SELECT 'minute', minute, generateUUIDv4(), now64(3), 0 FROM (SELECT DISTINCT minute FROM call_reports)`,
		`INSERT INTO adjustments (id, booked, original, tenant, provider, model, kind, cost, calls, author, reason, evidence) VALUES
			('00000000-0000-0000-0000-000000000001', '2026-11-01', '2026-10-25', 'acme', 'openai', 'gpt-4o', 'credit', -0.25, 0, 'ann', 'goodwill', 'mail 7')`,
	} {
		require.NoError(t, conn.Exec(t.Context(), statement), statement)
	}
	r, err := rollup.New(quiet(), rollup.Deps{ClickHouse: conn, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	for _, l := range rollup.Levels() {
		_, err := r.RunOnce(t.Context(), l)
		require.NoError(t, err)
	}
	return conn
}

func quiet() rollup.Config {
	cfg := rollup.DefaultConfig()
	cfg.SealedAfter = 0
	return cfg
}

func sum(t *testing.T, text string) ledger.Sum {
	t.Helper()
	s, err := ledger.ParseSum(text)
	require.NoError(t, err)
	return s
}

// TestTheTotalIsTheSumOfItsParts, for days and months, in zones, for one model and for all.
func TestTheTotalIsTheSumOfItsParts(t *testing.T) {
	conn := world(t)
	var all ledger.Sum
	for _, c := range []struct{ zone, day, month, model string }{
		{day: "2026-10-24"}, {day: "2026-10-25"}, {zone: "Europe/Berlin", day: "2026-10-25"}, {zone: "Asia/Kolkata", day: "2026-10-25"},
		{month: "2026-10"}, {month: "2026-10", model: "gpt-4o"}, {day: "2026-10-27"},
	} {
		zone, err := calendar.Zone(c.zone)
		require.NoError(t, err)
		span, err := calendar.ParseDay(c.day, zone)
		if c.month != "" {
			span, err = calendar.ParseMonth(c.month, zone)
		}
		require.NoError(t, err)
		total, err := explain.Explain(t.Context(), conn, explain.Query{Tenant: "acme", Model: c.model, Span: span})
		require.NoError(t, err)
		var parts, costs ledger.Sum
		var calls uint64
		for _, p := range total.Parts {
			parts, calls = parts.Add(sum(t, p.Total)), calls+p.Calls
			for _, part := range p.Cost {
				costs = costs.Add(sum(t, part))
			}
		}
		require.Equal(t, sum(t, total.Shown), parts, "%+v", c)
		require.Equal(t, parts, costs, "%+v", c)
		require.Equal(t, total.Calls, calls, "%+v", c)
		require.Equal(t, "0.00", total.Difference, "%+v", c)
		if c.zone == "" && c.day != "" {
			all = all.Add(parts)
		}
	}
	var stored string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT toString(sum(cost)) FROM calls(from = '2026-10-24 00:00:00', to = '2026-10-26 00:00:00') WHERE tenant = 'acme'").Scan(&stored))
	require.Equal(t, sum(t, stored), all)
}

func TestATotalInWords(t *testing.T) {
	conn := world(t)
	day, err := calendar.ParseDay("2026-10-25", time.UTC)
	require.NoError(t, err)
	q := explain.Query{Tenant: "acme", Span: day}
	total, err := explain.Explain(t.Context(), conn, q)
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, total.WriteText(&out))
	for _, part := range []string{
		"at least ", "1 unpriced", "1 report gave way: parent and child of one request", "by an authenticated identity", "used by an agent beside its calls",
		"by rule otel.genai", "unknown_model: their cost is not known, which is not zero", "tollkeeper explain call 6167656e74", "is the sum of the parts",
		"adjustment -0.25 USD, credit openai/gpt-4o, booked 2026-11-01, about this period, by ann: goodwill; evidence: mail 7",
	} {
		require.Contains(t, out.String(), part)
	}
	// A late call that isn't rolled up yet is told as such; one that its closed month's adjustment tells of is its sum.
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, provider, model, cost_output) VALUES
		('2026-10-25 11:00:00', 'acme', 'latelatelatelate', 'latelate', 1, 'openai', 'gpt-4o', 0.125)`))
	total, err = explain.Explain(t.Context(), conn, q)
	require.NoError(t, err)
	require.Equal(t, "0.125", total.Difference)
	out.Reset()
	require.NoError(t, total.WriteText(&out))
	require.Contains(t, out.String(), "0.125 USD more than what is shown")
	for _, statement := range []string{
		`INSERT INTO adjustments (id, booked, original, tenant, provider, model, kind, cost, calls, author, reason, window, n, worker) VALUES
			('00000000-0000-0000-0000-000000000002', '2026-11-01', '2026-10-25', 'acme', 'openai', 'gpt-4o', 'late', 0.125, 1, 'rollup', 'came late', '2026-10-25 11:00:00', 1, 1)`,
		`INSERT INTO adjust_revisions (window, n, worker, committed, rows) VALUES ('2026-10-25 11:00:00', 1, 1, 1, 1)`,
	} {
		require.NoError(t, conn.Exec(t.Context(), statement))
	}
	total, err = explain.Explain(t.Context(), conn, q)
	require.NoError(t, err)
	require.Equal(t, "0.00", total.Difference)
	require.Equal(t, "0.125", total.Adjusted)
	out.Reset()
	require.NoError(t, total.WriteText(&out))
	require.Contains(t, out.String(), "What is shown, plus 0.125 USD of adjustments about it, is the sum of the parts")
	require.NotContains(t, out.String(), "tollkeeper report says", "nothing is booked in October")

	// A report of the period in which adjustments are booked has them in its sum.
	november, err := calendar.ParseMonth("2026-11", time.UTC)
	require.NoError(t, err)
	total, err = explain.Explain(t.Context(), conn, explain.Query{Tenant: "acme", Span: november})
	require.NoError(t, err)
	require.Equal(t, []string{"0.00", "-0.125", "-0.125"}, []string{total.Shown, total.Booked, total.Reported})
	out.Reset()
	require.NoError(t, total.WriteText(&out))
	require.Contains(t, out.String(), "booked 2026-11-01 here, about 2026-10-25")
	require.Contains(t, out.String(), "With the -0.125 USD of adjustments booked in it, tollkeeper report says -0.125 USD of this period.")

	// A call that has given way and isn't rolled up yet.
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO settlements (minute, tenant, trace_id, span_id, revision, loses, reason) VALUES
		('2026-10-25 10:00:00', 'acme', 'agentagentagent0', 'unseen00', 1, 1, 'replaced')`))
	total, err = explain.Explain(t.Context(), conn, q)
	require.NoError(t, err)
	require.Equal(t, "-0.50", total.Difference)
	out.Reset()
	require.NoError(t, total.WriteText(&out))
	require.Contains(t, out.String(), "The parts are 0.50 USD less than what is shown and adjusted")
}
