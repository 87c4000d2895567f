package report_test

import (
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

var update = flag.Bool("update", false, "write the golden files")

// world is a ledger with October closed and November open: calls of four tenants at two providers, some unpriced, some below
// list price, some served by reserved capacity, and adjustments of three kinds.
func world(t *testing.T) (driver.Conn, string) {
	t.Helper()
	server := clickhousetest.Start(t)
	db := server.Database(t)
	opts := schema.DefaultOptions()
	opts.Retention = schema.Retention{} // the days are fixed and pass
	_, err := schema.Apply(t.Context(), db, opts)
	require.NoError(t, err)
	for _, statement := range []string{
		`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, provider, model, service, team, user, error_class, unpriced,
			fresh_input, cache_read, text_output, reasoning, cost_input, cost_cache_read, cost_output, list_delta)
		WITH number % 3 AS t, number % 2 AS m, number % 40 = 7 AS no_price
		SELECT toDateTime('2026-11-01 00:00:00', 'UTC') + INTERVAL number % 5 * 5 DAY,
			['acme', 'globex', 'unattributed'][t + 1], unhex(lpad(hex(number + 1), 32, '0')), unhex(lpad(hex(number + 1), 16, '0')), 1,
			['openai', 'anthropic'][m + 1], ['gpt-4o-mini', 'claude-sonnet-4-5'][m + 1], 'search', if(t = 0, 'research', ''),
			concat('user-', toString(number % 5)), if(number % 50 = 0, 'rate_limited', ''), if(no_price, 'unknown_model', ''),
			100 + number, 50, 20, 5, if(no_price, 0, toDecimal64('0.000001000001', 12) * number), if(no_price, 0, 0.00000025), if(no_price, 0, 0.0002),
			if(t = 1, 0.00001, 0)
		FROM numbers(400)`,
		`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, provider, model, flags, text_output, cost_output, list_delta) VALUES
			('2026-11-05 10:00:00', 'acme', 'reservedreserve1', 'reserve1', 1, 'openai', 'gpt-4o', 256, 900, 0, 0.009),
			('2026-11-05 10:00:00', 'globex', 'reservedreserve2', 'reserve2', 1, 'openai', 'gpt-4o', 256, 300, 0, 0.003),
			('2026-11-06 10:00:00', 'platform', 'platformplatform', 'platform', 1, 'openai', 'gpt-4o', 0, 1000, 0.01, 0),
			('2026-10-20 10:00:00', 'acme', 'octoberoctober00', 'october0', 1, 'openai', 'gpt-4o', 0, 1000, 1.25, 0)`,
		`INSERT INTO dirty_windows (level, window, id, due, done)
		SELECT 'minute', minute, generateUUIDv4(), now64(3), 0 FROM (SELECT DISTINCT minute FROM call_reports)`,
		`INSERT INTO adjustments (id, booked, original, tenant, provider, model, kind, cost, calls, author, reason, evidence) VALUES
			('00000000-0000-0000-0000-000000000001', '2026-11-01', '2026-10-01', 'acme', 'openai', 'gpt-4o', 'rerate', -0.25, 0, 'ann', 'gpt-4o was 20 % cheaper from 15 October', 'run 7'),
			('00000000-0000-0000-0000-000000000002', '2026-11-01', '2026-10-01', 'globex', 'openai', 'gpt-4o', 'late', 0.125, 3, 'rollup', 'calls that came after the close', ''),
			('00000000-0000-0000-0000-000000000003', '2026-11-12', '2026-11-12', 'acme', '', '', 'credit', -0.000000000001, 0, 'bob', '=HYPERLINK("x") goodwill', '')`,
		`INSERT INTO tenants (tenant, parent, cost_centre, owner, attributes, valid_from, removed, author) VALUES
			('acme', 'north', 'CC-100', 'alice@example.com', {}, '2026-01-01 00:00:00', 0, 'ann'),
			('acme', 'south', 'CC-200', 'carol@example.com', {}, '2026-11-10 00:00:00', 0, 'ann'),
			('acme', 'moon', 'CC-999', 'nobody', {}, '2027-01-01 00:00:00', 0, 'ann'),
			('globex', 'north', 'CC-101', '', {}, '2026-01-01 00:00:00', 0, 'ann'),
			('platform', '', 'CC-000', '', {'shared': 'true'}, '2026-01-01 00:00:00', 0, 'ann')`,
	} {
		server.Exec(t, db, statement)
	}
	conn, err := schema.Open(db)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	cfg := rollup.DefaultConfig()
	cfg.SealedAfter = 0
	r, err := rollup.New(cfg, rollup.Deps{ClickHouse: conn, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	for _, level := range rollup.Levels() {
		_, err := r.RunOnce(t.Context(), level)
		require.NoError(t, err)
	}
	server.Exec(t, db, `INSERT INTO periods (month, state, author, reason, cost, calls) VALUES ('2026-10-01', 'closed', 'ann', 'month end', 1.25, 1)`)
	return conn, db
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "write it with: go test ./dashboards/report -update")
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Fatalf("%s (-want +got; if this is meant: go test ./dashboards/report -update):\n%s", path, diff)
	}
}
