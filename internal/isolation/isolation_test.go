package isolation_test

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// The engine is a child of the test's own process.
func TestMain(m *testing.M) {
	clickhouse.RunChildIfAsked()
	os.Exit(m.Run())
}

// Law 8 on the product's own tables: acme's database user asks for what is globex's in every way known to us. What is
// globex's is marked, in names, amounts and counts, so that an answer or an error that holds a mark is a leak. The suite runs
// against the embedded engine's front, and against what a server's grants and row policies come to; and again with the
// policies taken away, where it has to find leaks, or it would find nothing.

const (
	isolationSecret = "0123456789abcdef0123456789abcdef"
	isolationDB     = "money"
	mark            = "globex" // in every name of the other tenant
	markedAmount    = "7777"   // in every amount of theirs
	markedCount     = "4242"   // how many calls they have
)

// probes ask as acme. {ours} is what an honest answer must hold, "" where an error or nothing is as good.
var probes = []struct{ kind, sql, ours string }{
	{"table", "SELECT tenant, model, cost_output FROM call_reports", "acme"},
	{"table", "SELECT count() FROM call_reports", "3"},
	{"table", "SELECT tenant, spent FROM (SELECT tenant, sum(cost) AS spent FROM cost_minute GROUP BY tenant)", "acme"},
	{"table", "SELECT * FROM budgets", "acme"},
	{"table", "SELECT * FROM tenants", "acme"},
	{"table", "SELECT * FROM alert_events", "acme"},
	{"table", "SELECT * FROM throttle_events", "acme"},
	{"table", "SELECT * FROM adjustments", "acme"},
	{"table", "SELECT * FROM forecasts", "acme"},
	{"table", "SELECT * FROM chargebacks", "acme"},
	{"table", "SELECT * FROM spans", "acme"},
	{"table", "SELECT * FROM settlements", ""},
	{"table", "SELECT winner_tenant FROM settlements", ""},
	{"operator's table", "SELECT * FROM periods", ""},
	{"operator's table", "SELECT cost FROM periods_now", ""},
	{"operator's table", "SELECT * FROM day_seals", ""},
	{"operator's table", "SELECT * FROM ingest_ranges", ""},
	{"operator's table", "SELECT * FROM price_book", ""},
	{"operator's table", "SELECT * FROM job_runs", ""},
	{"operator's table", "SELECT * FROM process_metrics", ""},
	{"operator's table", "SELECT * FROM dashboard_figures", ""},
	{"operator's table", "SELECT * FROM `money`.`periods`", ""},
	{"view", "SELECT tenant, cost FROM calls(from = now() - 86400, to = now() + 86400)", "acme"},
	{"view", "SELECT tenant, sum(cost), sum(calls) FROM spend(from = now() - 86400, to = now() + 86400) GROUP BY tenant", "acme"},
	{"view", "SELECT sum(cost) FROM spend_minute(from = now() - 86400, to = now() + 86400)", "3"},
	{"view", "SELECT tenant, value, cost FROM spend_by(from = now() - 86400, to = now() + 86400)", ""},
	{"view", "SELECT * FROM adjustments_now", "acme"},
	{"view", "SELECT * FROM budgets_now", "acme"},
	{"view", "SELECT * FROM booked_spend(from = toStartOfMonth(now()), to = toStartOfMonth(now()) + INTERVAL 1 MONTH)", "acme"},
	{"view", "SELECT * FROM chargebacks_now", "acme"},
	{"join", "SELECT DISTINCT a.tenant, b.tenant, b.model FROM call_reports AS a CROSS JOIN call_reports AS b", "acme"},
	{"join", "SELECT b.* FROM (SELECT 1 AS x) AS a LEFT JOIN (SELECT 1 AS x, tenant, model FROM call_reports) AS b USING (x)", "acme"},
	{"join", "SELECT a.name, b.model FROM budgets AS a FULL JOIN call_reports AS b ON a.tenant = b.tenant", "acme"},
	{"sub-query", "SELECT (SELECT groupArray(tenant) FROM call_reports)", "acme"},
	{"sub-query", "SELECT count() FROM call_reports WHERE model IN (SELECT model FROM call_reports WHERE tenant = 'glo' || 'bex')", "0"},
	{"sub-query", "WITH x AS (SELECT DISTINCT model FROM call_reports) SELECT * FROM x", "gpt"},
	{"sub-query", "SELECT EXISTS(SELECT 1 FROM call_reports WHERE tenant LIKE 'glob%')", "0"},
	{"sub-query", "SELECT tenant FROM call_reports UNION ALL SELECT model FROM call_reports", "acme"},
	{"sub-query", "SELECT max(tenant), uniq(tenant), topK(3)(model) FROM call_reports", "acme"},
	{"setting", "SELECT tenant FROM call_reports SETTINGS log_comment = '*'", ""},
	{"setting", "SELECT * FROM (SELECT tenant, model FROM call_reports SETTINGS log_comment = '*')", ""},
	{"setting", "SET log_comment = '*'", ""},
	{"setting", "SELECT tenant FROM call_reports SETTINGS additional_table_filters = {'money.call_reports': '1'}", ""},
	{"setting", "SELECT tenant FROM call_reports SETTINGS optimize_move_to_prewhere = 0, final = 1", ""},
	{"system table", "SELECT name, total_rows, total_bytes, create_table_query FROM system.tables WHERE database = 'money' AND total_rows > 100", ""},
	{"system table", "SELECT rows, name FROM system.parts WHERE database = 'money'", ""},
	{"system table", "SELECT table, name, data_compressed_bytes FROM system.columns WHERE database = 'money' AND table = 'call_reports'", ""},
	{"system table", "SELECT query FROM system.processes", ""},
	{"system table", "SELECT query FROM system.query_log", ""},
	{"system table", "SELECT * FROM system.users", ""},
	{"system table", "SELECT * FROM system.row_policies", ""},
	{"system table", "SELECT sum(rows) FROM system.parts_columns WHERE database = 'money'", ""},
	{"system table", "SELECT * FROM information_schema.tables WHERE table_rows > 100", ""},
	{"table function", "SELECT * FROM merge('money', '.*report.*')", ""},
	{"table function", "SELECT tenant FROM merge('money', '^call_reports$')", ""},
	{"table function", "SELECT * FROM remote('127.0.0.1', 'money', 'call_reports')", ""},
	{"table function", "SELECT * FROM cluster('default', 'money', 'call_reports')", ""},
	{"table function", "SELECT * FROM mergeTreeIndex('money', 'call_reports')", ""},
	{"table function", "SELECT tenant FROM view(SELECT tenant FROM call_reports)", "acme"},
	{"table function", "SELECT * FROM file('*', 'LineAsString')", ""},
	{"table function", "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", ""},
	{"table function", "SELECT * FROM dictionary('money.x')", ""},
	{"error message", "SELECT toUInt64(tenant) FROM call_reports", ""},
	{"error message", "SELECT toUInt64(model) FROM call_reports WHERE tenant != 'acme'", ""},
	{"error message", "SELECT throwIf(cost_output > 100, 'saw ' || '7777') FROM call_reports", ""},
	{"error message", "SELECT throwIf(1, toString(count())) FROM call_reports", ""},
	{"error message", "SELECT accurateCast(model, 'UInt8') FROM spend(from = now() - 86400, to = now() + 86400)", ""},
	{"error message", "SELECT intDiv(1, cost_output > 100 ? 0 : 1) FROM call_reports", ""},
	{"other statement", "SHOW CREATE TABLE periods", ""},
	{"other statement", "EXPLAIN ESTIMATE SELECT * FROM call_reports WHERE tenant = 'x'", ""},
	{"other statement", "INSERT INTO call_reports (tenant) VALUES ('acme')", ""},
	{"other statement", "CREATE TABLE t ENGINE = Memory AS SELECT * FROM call_reports", ""},
	{"other statement", "DROP TABLE call_reports", ""},
	{"other statement", "DESCRIBE TABLE (SELECT tenant FROM call_reports)", ""},
}

// side is one way of keeping tenants apart.
type side struct {
	server   *clickhouse.Server
	user     clickhouse.User
	mayWrite bool
	database string // that it asks in; empty: the ledger's
}

// ask returns an answer's text, rows or error.
func (s side) ask(t *testing.T, sql string, params ...string) string {
	t.Helper()
	q := url.Values{"database": {cmp.Or(s.database, isolationDB)}, "default_format": {"TSV"}}
	for i := 0; i < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.server.Addr()+"/?"+q.Encode(), strings.NewReader(sql))
	require.NoError(t, err)
	req.SetBasicAuth(s.user.Name, s.user.Password)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return strings.TrimSpace(string(body))
}

// leaks runs all probes and returns those whose answer holds a mark, and those that didn't get what is acme's own.
func (s side) leaks(t *testing.T) (leaks, broken []string) {
	for _, p := range probes {
		if s.mayWrite && (p.kind == "other statement" || strings.Contains(p.sql, "127.0.0.1")) {
			continue // it would do it, or try for long to reach nobody
		}
		got := s.ask(t, p.sql)
		shown := strings.ReplaceAll(got, "'glo' || 'bex'", "")
		shown = strings.ReplaceAll(shown, "'saw ' || '7777'", "") // the statement itself, repeated by an error
		if strings.Contains(shown, mark) || strings.Contains(shown, markedAmount) || strings.Contains(shown, markedCount) {
			leaks = append(leaks, fmt.Sprintf("%s: %s", p.kind, p.sql))
		} else if p.ours != "" && (!strings.Contains(got, p.ours) || strings.Contains(got, "Exception")) {
			broken = append(broken, fmt.Sprintf("%s: %s: %.300s", p.kind, p.sql, got))
		}
	}
	for _, param := range [][]string{{"log_comment", "*"}, {"readonly", "0"}, {"session_id", "x"}, {"param_t", "periods"}} {
		got := s.ask(t, map[bool]string{true: "SELECT * FROM {t:Identifier}", false: "SELECT tenant FROM call_reports"}[param[0] == "param_t"], param...)
		if strings.Contains(got, mark) || strings.Contains(got, markedAmount) {
			leaks = append(leaks, "parameter: "+param[0])
		}
	}
	return leaks, broken
}

func TestIsolation(t *testing.T) {
	dir := t.TempDir()
	admin := clickhouse.User{Name: "default", Password: "operator's"}
	acme := clickhouse.User{Name: ledger.TenantUser("acme"), Password: ledger.TenantPassword(isolationSecret, "acme")}
	start := func(change func(*clickhouse.Config)) *clickhouse.Server {
		cfg := clickhouse.Config{Dir: dir, Users: []clickhouse.User{admin}, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
		change(&cfg)
		s, err := clickhouse.Start(context.Background(), cfg)
		require.NoError(t, err)
		return s
	}
	stop := func(s *clickhouse.Server) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, s.Close(ctx))
	}
	front := func(c *clickhouse.Config) { c.TenantSecret, c.TenantTables = isolationSecret, schema.TenantTables() }
	served := func(rules *clickhouse.Rules) func(*clickhouse.Config) {
		return func(c *clickhouse.Config) { c.Rules = rules }
	}

	s := start(front)
	fill(t, s, admin)
	t.Run("embedded front", func(t *testing.T) {
		leaks, broken := side{server: s, user: acme}.leaks(t)
		require.Empty(t, leaks)
		require.Empty(t, broken)
		require.Contains(t, side{server: s, user: clickhouse.User{Name: acme.Name, Password: "guessed"}}.ask(t, "SELECT 1"), "AUTHENTICATION_FAILED")
		require.Contains(t, side{server: s, user: clickhouse.User{Name: ledger.TenantUser("*"), Password: ledger.TenantPassword(isolationSecret, "*")}}.ask(t, "SELECT 1"), "AUTHENTICATION_FAILED")
		t.Logf("%d probes, no leak", len(probes)+4)
	})
	t.Run("boards over the embedded front", side{server: s, user: acme}.boards)
	t.Run("embedded front without its filters", func(t *testing.T) {
		leaks, _ := side{server: s, user: admin, mayWrite: true}.leaks(t)
		require.Greater(t, len(leaks), len(probes)/2, "without filters most probes see the other tenant")
		t.Logf("%d of %d probes leak", len(leaks), len(probes)+4)
	})
	stop(s)

	// A server's users can't be had here; the engine's only acting user stands for acme's, the views' definer is another.
	const definer = "ledger_owner"
	owned := start(served(&clickhouse.Rules{Definer: definer}))
	for _, statement := range schema.TenantViews(isolationDB, definer, "'"+ledger.TenantUser("acme")+"'") {
		require.Empty(t, side{server: owned, user: admin}.ask(t, statement), statement)
	}
	t.Run("in a view of another's rights the asker is the current user", func(t *testing.T) {
		asker := side{server: owned, user: admin}
		require.Empty(t, asker.ask(t, "CREATE VIEW "+isolationDB+".who DEFINER = "+definer+" SQL SECURITY DEFINER AS SELECT currentUser() AS name"))
		require.Equal(t, "default", strings.TrimSpace(asker.ask(t, "SELECT name FROM "+isolationDB+".who")))
		require.Empty(t, asker.ask(t, "DROP VIEW "+isolationDB+".who"))
	})
	stop(owned)
	t.Run("a server's grants and views", func(t *testing.T) {
		s := start(served(&clickhouse.Rules{Definer: definer, Grants: schema.TenantGrants(isolationDB)}))
		defer stop(s)
		theirs := side{server: s, user: admin, database: schema.TenantDatabase(isolationDB)}
		leaks, broken := theirs.leaks(t)
		require.Empty(t, leaks)
		require.Empty(t, broken)
		for _, database := range []string{isolationDB, theirs.database} {
			got := theirs.ask(t, "SELECT * FROM mergeTreeIndex('"+database+"', 'call_reports')")
			require.Contains(t, got, "Exception")
			require.NotContains(t, got, mark)
		}
		t.Logf("%d probes, no leak", len(probes)+4)
		t.Run("boards", theirs.boards)
	})
	t.Run("a server's views with rights on what is behind them", func(t *testing.T) {
		s := start(served(&clickhouse.Rules{Definer: definer, Grants: append(schema.TenantGrants(isolationDB), "GRANT SELECT ON "+isolationDB+".*")}))
		defer stop(s)
		leaks, _ := side{server: s, user: admin}.leaks(t)
		require.Greater(t, len(leaks), len(probes)/3, "the views' rows alone don't keep tenants from the tables")
		t.Logf("%d of %d probes leak", len(leaks), len(probes)+4)
	})
}

// boards runs every query of the boards that a tenant has to itself, as that tenant: each is answered, and nothing of another's is in it.
func (s side) boards(t *testing.T) {
	now := time.Now().UTC()
	r := dashboards.Range{From: now.Add(-24 * time.Hour), To: now.Add(time.Hour)}
	asked := 0
	ask := func(where, sql string) {
		text, err := dashboards.Expand(sql, r, r.Step(100), map[string]string{"tenant": hex.EncodeToString([]byte("acme")), "trace": strings.Repeat("0", 32)})
		require.NoError(t, err)
		got := s.ask(t, text)
		require.NotContains(t, got, "Exception", where)
		for _, m := range []string{mark, markedAmount, markedCount} {
			require.NotContains(t, got, m, where)
		}
		asked++
	}
	for _, b := range dashboards.ForTenant() {
		for _, row := range b.Rows {
			for _, p := range row.Panels {
				ask(b.Title+" / "+p.Title, p.SQL())
			}
		}
		for _, v := range b.Variables {
			ask(b.Title+" / variable "+v.Name, v.SQL())
		}
		for _, a := range b.Annotations {
			ask(b.Title+" / annotation "+a.Name, a.SQL())
		}
	}
	require.Greater(t, asked, 30)
	t.Logf("%d queries of a tenant's boards answered", asked)
}

// fill stores three calls of acme, and of globex so many as its mark says.
func fill(t *testing.T, s *clickhouse.Server, admin clickhouse.User) {
	conn := s.UserURL(admin, isolationDB)
	_, err := schema.Apply(t.Context(), conn, schema.DefaultOptions())
	require.NoError(t, err)
	do := side{server: s, user: admin}
	for _, sql := range []string{
		`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, model, team, cost_output)
			SELECT toStartOfMinute(now('UTC')), if(number < 3, 'acme', 'globex'), unhex(lpad(hex(number), 32, '0')), unhex(lpad(hex(number), 16, '0')), 1, now64(9), if(number < 3, 'gpt-5', 'globex-model'),
			if(number < 3, 'a', 'globex-team'), if(number < 3, 1, 7777) FROM numbers(4245)`,
		`INSERT INTO cost_minute (window, n, worker, tenant, model, calls, cost) SELECT toStartOfMinute(now('UTC')), 1, 1, x.1, x.2, x.3, x.4 FROM (SELECT arrayJoin([('acme', 'gpt-5', 3, 3), ('globex', 'globex-model', 4242, 7777)]) AS x)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) SELECT 'minute', toStartOfMinute(now('UTC')), 1, 1, 1`,
		`INSERT INTO cost_hour_by (window, n, worker, tenant, dimension, value, calls, cost) SELECT toStartOfHour(now('UTC')), 1, 1, x, 'team', concat(x, '-team'), 4242, 7777 FROM (SELECT arrayJoin(['globex']) AS x)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) SELECT 'hour_by', toStartOfHour(now('UTC')), 1, 1, 1`,
		`INSERT INTO budgets (name, tenant, period, amount) VALUES ('acme', 'acme', 'month', 5), ('globex', 'globex', 'month', 7777)`,
		`INSERT INTO tenants (tenant, owner, valid_from) VALUES ('acme', 'a', now()), ('globex', 'globex', now())`,
		`INSERT INTO alert_events (episode, sequence, tenant, summary) VALUES (generateUUIDv4(), 1, 'acme', 'acme'), (generateUUIDv4(), 1, 'globex', 'globex')`,
		`INSERT INTO throttle_events (tenant, sequence, reason) VALUES ('acme', 1, 'acme'), ('globex', 1, 'globex')`,
		`INSERT INTO adjustments (id, booked, original, tenant, cost, calls) SELECT generateUUIDv4(), toStartOfMonth(now('UTC')), '2026-01-01', x, if(x = 'acme', 1, 7777), 1 FROM (SELECT arrayJoin(['acme', 'globex']) AS x)`,
		`INSERT INTO forecasts (month, tenant, likely) VALUES (toStartOfMonth(today()), 'acme', 1), (toStartOfMonth(today()), 'globex', 7777), (toStartOfMonth(today()), '*', 7777)`,
		`INSERT INTO chargebacks (month, tenant, total, at) SELECT toStartOfMonth(today()), x, if(x = 'acme', 1, 7777), now64(3) FROM (SELECT arrayJoin(['acme', 'globex']) AS x)`,
		`INSERT INTO spans (minute, tenant, name) VALUES (now(), 'acme', 'acme'), (now(), 'globex', 'globex')`,
		`INSERT INTO settlements (minute, tenant, revision, loses, winner_tenant) VALUES (now(), 'acme', 1, 1, 'globex'), (now(), 'globex', 1, 1, 'globex')`,
		`INSERT INTO periods (month, state, author, cost, calls) VALUES ('2026-01-01', 'closed', 'globex', 7777, 4242)`,
		`INSERT INTO day_seals (day, tenant, calls, cost) VALUES ('2026-01-01', 'globex', 4242, 7777)`,
		`INSERT INTO ingest_ranges (topic, rows, cost) VALUES ('globex', 4242, 7777)`,
		`INSERT INTO price_book (version, entry, body) VALUES ('v', 'e', 'negotiated for globex')`,
		`INSERT INTO job_runs (job, process) VALUES ('globex', 'x')`,
		`INSERT INTO process_metrics (seen, process, name) VALUES (now(), 'globex', 'x')`,
		`INSERT INTO dashboard_figures (name, key, value) VALUES ('globex', 'x', 7777)`,
	} {
		require.Empty(t, do.ask(t, sql), sql)
	}
}

// Every statement of the DDL is one that the engine's parser takes; no secret is in it; each table with rows of tenants that a tenant
// may read is read through a view that asks who reads.
func TestTenantDDL(t *testing.T) {
	ddl := schema.TenantDDL(isolationDB, "default", isolationSecret, []string{"acme", "o'neil"})
	s, err := clickhouse.Start(t.Context(), clickhouse.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(context.Background())) }()
	admin := side{server: s, user: clickhouse.User{Name: "default"}}
	_, err = schema.Apply(t.Context(), s.URL(isolationDB), schema.DefaultOptions())
	require.NoError(t, err)
	require.Contains(t, strings.Join(ddl, "\n"), "max_execution_time = 60 MIN 1 MAX 120, max_memory_usage = 4000000000 MIN 1 MAX 4000000000, "+
		"max_memory_usage_for_user = 8000000000 MIN 1 MAX 8000000000, max_concurrent_queries_for_user = 64 MIN 1 MAX 64",
		"readonly = 2 lets a tenant change settings")
	require.Equal(t, "2", strings.TrimSpace(admin.ask(t, "SELECT count() FROM system.settings WHERE name IN ('max_memory_usage_for_user', 'max_concurrent_queries_for_user')")))
	filtered := map[string]bool{}
	for _, statement := range ddl {
		require.NotContains(t, admin.ask(t, "EXPLAIN AST "+statement), "Exception", statement)
		require.NotContains(t, statement, isolationSecret)
		require.NotContains(t, statement, ledger.TenantPassword(isolationSecret, "acme"))
		if rest, ok := strings.CutPrefix(statement, "CREATE OR REPLACE VIEW `money_tenants`."); ok {
			name, _, _ := strings.Cut(rest, " ")
			filtered[name] = strings.HasSuffix(rest, " WHERE tenant = unhex(substring(currentUser(), 8))")
		}
	}
	require.Contains(t, filtered, "spend")
	for _, table := range strings.Fields(admin.ask(t, "SELECT DISTINCT table FROM system.columns WHERE database = 'money' AND name = 'tenant'")) {
		if there, ok := filtered[table]; ok {
			require.True(t, there, "%s has tenants' rows and a view that shows all of them", table)
		}
	}
	for _, g := range schema.TenantGrants(isolationDB) {
		require.Contains(t, g, "GRANT SELECT ON `money_tenants`.")
	}
	require.Greater(t, len(filtered), 25)
}
