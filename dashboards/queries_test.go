package dashboards_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// The boards are asked about a ledger with two days of calls of three tenants, some unpriced, some failed.
func TestOverALedgerWithCalls(t *testing.T) {
	db := ledgerWithCalls(t)
	t.Run("every query answers", func(t *testing.T) { everyQueryAnswers(t, db) })
	t.Run("totals agree", func(t *testing.T) { totalsAgree(t, db) })
}

func everyQueryAnswers(t *testing.T, db string) {
	now := time.Now().UTC()
	for _, r := range []dashboards.Range{
		{From: now.Add(-time.Hour), To: now.Add(time.Minute)},
		{From: now.Add(-48 * time.Hour), To: now.Add(time.Minute)},      // steps of half an hour: minutes
		{From: now.Add(-40 * 24 * time.Hour), To: now.Add(time.Minute)}, // steps of hours: coarser windows
	} {
		eachQuery(func(name, sql string, mayBeEmpty bool) {
			rows := query(t, db, sql, r, hex.EncodeToString([]byte("acme")))
			require.False(t, len(rows) == 0 && !mayBeEmpty, "%s gives no row for %s", name, r.To.Sub(r.From))
		})
	}
}

func TestEveryQueryAnswersOverAnEmptyDatabase(t *testing.T) {
	db := clickhousetest.Start(t).Database(t)
	_, err := schema.Apply(t.Context(), db, schema.DefaultOptions())
	require.NoError(t, err)
	now := time.Now().UTC()
	eachQuery(func(name, sql string, _ bool) {
		query(t, db, sql, dashboards.Range{From: now.Add(-time.Hour), To: now}, hex.EncodeToString([]byte("nobody")))
	})
}

// No tenant's name, whatever it holds, changes the question: a client of Grafana escapes quotes but not backslashes.
func TestATenantsNameIsOnlyAName(t *testing.T) {
	db := clickhousetest.Start(t).Database(t)
	_, err := schema.Apply(t.Context(), db, schema.DefaultOptions())
	require.NoError(t, err)
	now := time.Now().UTC()
	for _, name := range []string{`acme\\`, `x\' OR 1=1 -- `, "o'neil", "\xff\x00", "名前"} {
		eachQuery(func(panel, sql string, _ bool) {
			if strings.Contains(sql, "${tenant") {
				require.Contains(t, sql, "unhex(${tenant:singlequote})", panel)
				query(t, db, sql, dashboards.Range{From: now.Add(-time.Hour), To: now}, hex.EncodeToString([]byte(name)))
			}
		})
	}
}

// What a stat says, what the table's rows add up to and what the series add up to is one number.
func totalsAgree(t *testing.T, db string) {
	now := time.Now().UTC()
	for _, r := range []dashboards.Range{
		{From: now.Add(-30 * time.Hour), To: now.Add(time.Minute)},
		{From: now.Add(-40 * 24 * time.Hour), To: now.Add(time.Minute)},
	} {
		calls := "SELECT toString(sum(cost)) AS spend FROM calls(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))"
		want := query(t, db, calls, r, "")[0]["spend"]
		require.NotEqual(t, "0", want)
		for _, name := range []string{"spend/tenants", "spend/models", "spend/parts", "spend/by_tenant_over_time", "spend/by_model_over_time"} {
			sum := "SELECT toString(sum(spend)) AS spend FROM (" + schema.SQL("dashboards/"+name) + ")"
			require.Equal(t, want, query(t, db, sum, r, "")[0]["spend"], name)
		}
		acme := hex.EncodeToString([]byte("acme"))
		rates := "SELECT round(sum(answered + failed + `rate limited`) * $__interval_s) AS calls, sum(answered) > 0 AS some FROM (" + schema.SQL("dashboards/tenant/calls_over_time") + ")"
		all := query(t, db, schema.SQL("dashboards/tenant/calls"), r, acme)[0]
		row := query(t, db, rates, r, acme)[0]
		require.EqualValues(t, 1, row["some"], "calls were answered")
		require.Equal(t, fmt.Sprint(all["value"]), fmt.Sprint(row["calls"]), "rates × step = calls")

		total := query(t, db, schema.SQL("dashboards/spend/total"), r, "")[0]["spend"]
		require.Contains(t, total, "at least $", "some calls are unpriced")
	}
}

func eachQuery(f func(name, sql string, mayBeEmpty bool)) {
	for _, b := range dashboards.All() {
		for _, row := range b.Rows {
			for _, p := range row.Panels {
				f(p.Query, p.SQL(), p.MayBeEmpty)
			}
		}
		for _, v := range b.Variables {
			f(v.Query, v.SQL(), false)
		}
		for _, a := range b.Annotations {
			f(a.Query, a.SQL(), true)
		}
	}
}

// query expands and runs a panel's query as Grafana would, over HTTP, and returns the rows.
func query(t *testing.T, db, sql string, r dashboards.Range, tenant string) []map[string]any {
	t.Helper()
	text, err := dashboards.Expand(sql, r, r.Step(100), map[string]string{"tenant": tenant})
	require.NoError(t, err)
	target, err := schema.ParseURL(db)
	require.NoError(t, err)
	endpoint := fmt.Sprintf("%s://%s/?%s", target.Scheme, target.Host, url.Values{"database": {target.Database}, "default_format": {"JSON"}}.Encode())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(text))
	require.NoError(t, err)
	req.SetBasicAuth(target.User, target.Password)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer struct{ Data []map[string]any }
	if resp.StatusCode != http.StatusOK {
		b := new(strings.Builder)
		_, _ = fmt.Fprint(b, resp.Header.Get("X-ClickHouse-Exception-Code"), " ")
		buf := make([]byte, 2000)
		n, _ := resp.Body.Read(buf)
		t.Fatalf("%s%s\n%s", b, buf[:n], text)
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return answer.Data
}

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
		`INSERT INTO dirty_windows (level, window, id, due, done)
		SELECT 'minute', minute, generateUUIDv4(), now64(3), 0 FROM (SELECT DISTINCT minute FROM call_reports)`,
		`INSERT INTO alert_events (episode, sequence, rule, kind, tenant, state, summary, at)
		VALUES (generateUUIDv4(), 1, 'spike', 'spike', 'acme', 'firing', 'ten times as fast as before', now64(3))`,
		`INSERT INTO budgets (name, tenant, period, amount) VALUES ('acme-month', 'acme', 'month', 100)`,
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
}
