package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/dashboards/report/api"
	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

const (
	acmeToken, globexToken = "tk_acme", "tk_globex"
	starToken              = "tk_star" // somebody made a key for a tenant of this name
)

type keys map[string]string

func (k keys) Find(token string, _ time.Time) (tenant, id string, ok bool) {
	tenant, ok = k[token]
	return tenant, token, ok
}

type world struct {
	t      *testing.T
	engine *clickhouse.Server
	admin  driver.Conn
	target schema.Target
	addr   string
	rollup *rollup.Rollup

	metrics *prometheus.Registry
}

func (w *world) open(tenant string) (driver.Conn, error) { return w.target.OpenTenant(tenant, secret) }

const secret = "0123456789abcdef0123456789abcdef"

// newWorld is a ledger of two tenants, and the API before it, over the tenants' own database users as in `tollkeeper up`.
func newWorld(t *testing.T, change func(*api.Config)) *world {
	t.Helper()
	cfg := clickhouse.DefaultConfig()
	cfg.Dir, cfg.TenantSecret, cfg.TenantTables = t.TempDir(), secret, schema.TenantTables()
	engine, err := clickhouse.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close(context.Background())) })
	w := &world{t: t, engine: engine, metrics: prometheus.NewRegistry()}
	opts := schema.DefaultOptions()
	opts.Retention = schema.Retention{} // the days are fixed and pass
	_, err = schema.Apply(t.Context(), engine.URL(schema.DefaultDatabase), opts)
	require.NoError(t, err)
	w.admin, err = schema.Open(engine.URL(schema.DefaultDatabase))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.admin.Close()) })
	w.target, err = schema.ParseURL(engine.URL(schema.DefaultDatabase))
	require.NoError(t, err)
	rcfg := rollup.DefaultConfig()
	rcfg.SealedAfter = 0
	w.rollup, err = rollup.New(rcfg, rollup.Deps{ClickHouse: w.admin, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	w.insert(`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, provider, model, team, fresh_input, text_output, cost_input, cost_output, unpriced)
		SELECT toDateTime('2026-11-01 00:00:00', 'UTC') + INTERVAL number % 7 DAY, if(number % 3 = 0, 'globex', 'acme'), unhex(lpad(hex(number + 1), 32, '0')),
			unhex(lpad(hex(number + 1), 16, '0')), 1, 'openai', ['gpt-4o', 'gpt-4o-mini'][number % 2 + 1], 'research', 100, 10, 0.000000000001 * (number + 1), 0.01,
			if(number = 1, 'unknown_model', '') FROM numbers(60)`)
	require.NoError(t, w.admin.Exec(t.Context(), `INSERT INTO adjustments (id, booked, original, tenant, provider, model, kind, cost, calls, author, reason, evidence) VALUES
		('00000000-0000-0000-0000-000000000001', '2026-11-01', '2026-10-01', 'acme', 'openai', 'gpt-4o', 'rerate', -0.25, 0, 'ann', 'cheaper since 15 October', 'secret'),
		('00000000-0000-0000-0000-000000000002', '2026-11-01', '2026-10-01', 'globex', 'openai', 'gpt-4o', 'late_call', 9.5, 3, 'rollup', 'late', 'secret')`))
	c := api.DefaultConfig()
	c.Listen = "127.0.0.1:0"
	c.PerSecond, c.Burst = 1000, 1000
	if change != nil {
		change(&c)
	}
	s, err := api.New(c, api.Deps{Log: slog.New(slog.DiscardHandler), Keys: keys{acmeToken: "acme", globexToken: "globex", starToken: "*"}, Open: w.open, Metrics: w.metrics,
		Now: func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }})
	require.NoError(t, err)
	w.addr = s.Addr()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
	return w
}

func (w *world) insert(sql string) {
	w.t.Helper()
	require.NoError(w.t, w.admin.Exec(w.t.Context(), sql))
	require.NoError(w.t, w.admin.Exec(w.t.Context(), `INSERT INTO dirty_windows (level, window, id, due, done)
		SELECT 'minute', minute, generateUUIDv4(), now64(3), 0 FROM (SELECT DISTINCT minute FROM call_reports)`))
	for _, level := range rollup.Levels() {
		_, err := w.rollup.RunOnce(w.t.Context(), level)
		require.NoError(w.t, err)
	}
}

// get asks; header holds further headers.
func (w *world) get(token, path string, header http.Header) (int, http.Header, map[string]any) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+w.addr+path, nil)
	require.NoError(w.t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	maps.Copy(req.Header, header)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	var out map[string]any
	require.NoError(w.t, json.Unmarshal(body, &out), string(body))
	return resp.StatusCode, resp.Header, out
}

func (w *world) ok(token, path string) map[string]any {
	w.t.Helper()
	status, _, out := w.get(token, path, nil)
	require.Equal(w.t, http.StatusOK, status, "%v", out)
	return out
}

func TestTheAPI(t *testing.T) {
	w := newWorld(t, nil)
	t.Run("numbers are the report's", w.numbers)
	t.Run("nobody sees another's", w.spoofs)
	t.Run("the database holds tenants apart", w.enforced)
	t.Run("answers are as described", w.described)
	t.Run("requests are counted", w.counted)
	t.Run("pages", w.pages) // last: it adds calls
}

func (w *world) numbers(t *testing.T) {
	month, err := report.Month("2026-11")
	require.NoError(t, err)
	for token, tenant := range map[string]string{acmeToken: "acme", globexToken: "globex"} {
		want, err := report.Build(t.Context(), w.admin, report.Query{Period: month, Tenant: &tenant, Dimension: "model"})
		require.NoError(t, err)
		got := w.ok(token, "/v1/spend?month=2026-11")
		require.Equal(t, want.Sum.String(), got["sum"])
		require.Equal(t, want.Adjusted.String(), got["adjustments"])
		require.Equal(t, want.AtLeast, got["at_least"])
		require.Equal(t, tenant, got["tenant"])
		require.Len(t, got["lines"], 2)
		require.Equal(t, got["sum"], w.ok(token, "/v1/spend")["sum"], "the month of today")
	}
	require.Len(t, w.ok(acmeToken, "/v1/charges?from=2026-11-01&to=2026-11-02")["charges"], 4)
	adjustments := w.ok(acmeToken, "/v1/adjustments?month=2026-11")["adjustments"].([]any)
	require.Len(t, adjustments, 1)
	require.NotContains(t, adjustments[0], "author")
	require.NotContains(t, adjustments[0], "evidence")
	require.Equal(t, "open", w.ok(acmeToken, "/v1/period?month=2026-11")["state"])
}

func (w *world) spoofs(t *testing.T) {
	for name, c := range map[string]struct {
		token, path string
		header      http.Header
		status      int
	}{
		"no token":               {"", "/v1/spend", nil, 401},
		"an unknown token":       {"tk_nobody", "/v1/spend", nil, 401},
		"the token in the URL":   {"", "/v1/spend?token=" + acmeToken, nil, 401},
		"basic":                  {"", "/v1/spend", http.Header{"Authorization": {"Basic " + acmeToken}}, 401},
		"two tokens":             {"", "/v1/spend", http.Header{"Authorization": {"Bearer " + acmeToken, "Bearer " + globexToken}}, 401},
		"another's name":         {acmeToken, "/v1/spend?tenant=globex", nil, 400},
		"a setting":              {acmeToken, "/v1/spend?log_comment=globex", nil, 400},
		"a parameter of SQL":     {acmeToken, "/v1/spend?param_every=1", nil, 400},
		"a dimension of SQL":     {acmeToken, "/v1/spend?by=" + url.QueryEscape("tenant' OR 1 = 1"), nil, 400},
		"a parameter twice":      {acmeToken, "/v1/spend?by=tenant&by=model", nil, 400},
		"an endless period":      {acmeToken, "/v1/spend?from=2002-01-01&to=2026-01-01", nil, 400},
		"a page of everything":   {acmeToken, "/v1/spend?limit=100000", nil, 400},
		"a cursor of nothing":    {acmeToken, "/v1/spend?cursor=x", nil, 400},
		"a tenant that is all":   {starToken, "/v1/spend?by=tenant", nil, 502},
		"a path of the database": {acmeToken, "/?query=SELECT+1", nil, 404},
	} {
		status, _, out := w.get(c.token, c.path, c.header)
		require.Equal(t, c.status, status, "%s: %v", name, out)
		require.NotEmpty(t, out["error"], name)
		require.NotContains(t, out["error"], "Exception", name)
		require.NotContains(t, out["error"], "globex", name)
	}
	status, _, out := w.get(acmeToken, "/v1/spend?by=tenant", http.Header{"X-Clickhouse-User": {"default"}, "X-Tollkeeper-Tenant": {"globex"}, "Log_comment": {"globex"}})
	require.Equal(t, http.StatusOK, status)
	lines := out["lines"].([]any)
	require.Len(t, lines, 1)
	require.Equal(t, "acme", lines[0].(map[string]any)["value"])
	resp, err := http.Post("http://"+w.addr+"/v1/spend", "application/json", strings.NewReader("{}"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
}

// A mistake in a query of the API (here: one for all tenants, or for another) shows a tenant's own rows all the same.
func (w *world) enforced(t *testing.T) {
	conn, err := w.open("acme")
	require.NoError(t, err)
	defer conn.Close()
	month, err := report.Month("2026-11")
	require.NoError(t, err)
	r, err := report.Build(t.Context(), conn, report.Query{Period: month, Dimension: "tenant", Own: true})
	require.NoError(t, err)
	require.Len(t, r.Lines, 1)
	require.Equal(t, "acme", r.Lines[0].Value)
	for _, a := range r.Adjustments {
		require.Equal(t, "acme", a.Tenant)
	}
	globex := "globex"
	r, err = report.Build(t.Context(), conn, report.Query{Period: month, Tenant: &globex, Own: true})
	require.NoError(t, err)
	require.Empty(t, r.Lines)
	require.Zero(t, r.Sum)
	for _, table := range []string{"call_reports", "cost_day", "cost_hour", "cost_minute", "cost_day_by", "cost_hour_by", "adjustments", "tenants", "spans"} {
		var others uint64
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT countIf(tenant != 'acme') FROM "+table).Scan(&others))
		require.Zero(t, others, table)
	}
	require.Error(t, conn.Exec(t.Context(), "INSERT INTO adjustments (tenant) VALUES ('acme')"), "it only reads")

	stranger, err := w.target.OpenTenant("acme", strings.Repeat("another secret ", 3))
	require.NoError(t, err)
	defer stranger.Close()
	require.ErrorContains(t, stranger.QueryRow(t.Context(), "SELECT 1").Err(), "Authentication failed")
}

// Requests are counted by path and status, under nobody's name.
func (w *world) counted(t *testing.T) {
	families, err := w.metrics.Gather()
	require.NoError(t, err)
	require.Len(t, families, 1)
	seen := map[string]uint64{}
	for _, m := range families[0].GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, l.GetName()+"="+l.GetValue())
		}
		seen[strings.Join(labels, " ")] = m.GetHistogram().GetSampleCount()
	}
	for _, want := range []string{"path=/v1/spend status=200", "path=/v1/spend status=400", "path=/v1/spend status=401", "path=/v1/spend status=502", "path=other status=404", "path=/v1/openapi.json status=200"} {
		require.NotZero(t, seen[want], "%s: %v", want, seen)
	}
	require.NotContains(t, fmt.Sprint(seen), "acme")
}

// Every answer fits the description, and what the description says a path takes is what it takes.
func (w *world) described(t *testing.T) {
	status, _, raw := w.get("", "/v1/openapi.json", nil)
	require.Equal(t, http.StatusOK, status)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat() // a day is no time
	require.NoError(t, compiler.AddResource("openapi.json", raw))
	paths := raw["paths"].(map[string]any)
	for path, schemaName := range map[string]string{"/v1/spend": "Spend", "/v1/charges": "Charges", "/v1/adjustments": "Adjustments", "/v1/period": "Period"} {
		compiled, err := compiler.Compile("openapi.json#/components/schemas/" + schemaName)
		require.NoError(t, err)
		get := paths[path].(map[string]any)["get"].(map[string]any)
		names := []string{}
		for _, p := range get["parameters"].([]any) {
			name, _ := p.(map[string]any)["name"].(string)
			if ref, ok := p.(map[string]any)["$ref"].(string); ok {
				name = ref[strings.LastIndex(ref, "/")+1:]
			}
			names = append(names, name)
		}
		for _, query := range []string{"?month=2026-11", "?days=20", "?from=2026-11-01&to=2026-11-03", "?month=2020-01"} {
			require.NoError(t, compiled.Validate(w.ok(acmeToken, path+query)), path+query)
		}
		_, _, refused := w.get(acmeToken, path+"?nonsense=1", nil)
		said := refused["error"].(string)
		for _, name := range names {
			require.Contains(t, said, name, path)
		}
		require.Equal(t, len(names), strings.Count(said, ",")+1, "%s: %s", path, said)
	}
	require.Len(t, paths, 4)
	spend := paths["/v1/spend"].(map[string]any)["get"].(map[string]any)["parameters"].([]any)
	by := spend[4].(map[string]any)["schema"].(map[string]any)["enum"].([]any)
	var dimensions []string
	for _, d := range by {
		dimensions = append(dimensions, d.(string))
	}
	require.ElementsMatch(t, report.Dimensions(), dimensions)
	for _, d := range dimensions {
		w.ok(acmeToken, "/v1/spend?month=2026-11&by="+d)
	}
	compiled, err := compiler.Compile("openapi.json#/components/schemas/Error")
	require.NoError(t, err)
	require.NoError(t, compiled.Validate(refusal(w)))
}

func refusal(w *world) any {
	_, _, out := w.get("", "/v1/spend", nil)
	return out
}

// Pages put together are the whole, each row once, also when calls come between two pages.
func (w *world) pages(t *testing.T) {
	var days []string
	cursor := ""
	for n := 0; ; n++ {
		path := "/v1/spend?month=2026-11&by=day&limit=2"
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		out := w.ok(acmeToken, path)
		for _, l := range out["lines"].([]any) {
			days = append(days, l.(map[string]any)["value"].(string))
		}
		next, more := out["next_cursor"].(string)
		if !more {
			break
		}
		if cursor = next; n == 0 {
			status, _, _ := w.get(globexToken, path+"&cursor="+cursor, nil)
			require.Equal(t, http.StatusBadRequest, status, "another's cursor")
			status, _, _ = w.get(acmeToken, "/v1/spend?month=2026-11&by=model&cursor="+cursor, nil)
			require.Equal(t, http.StatusBadRequest, status, "another question's cursor")
			w.insert(`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, provider, model, cost_input)
				VALUES ('2026-11-01 05:00:00', 'acme', 'late-call-000001', 'late-001', 1, 'openai', 'gpt-4o', 3), ('2026-11-06 05:00:00', 'acme', 'late-call-000002', 'late-002', 1, 'openai', 'gpt-4o', 3)`)
		}
	}
	require.True(t, slices.IsSorted(days))
	require.Equal(t, days, slices.Compact(slices.Clone(days)))
	require.Len(t, days, 7)
}

func TestTheRate(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.PerSecond, c.Burst = 0.5, 2 })
	for range 2 {
		w.ok(acmeToken, "/v1/period")
	}
	status, header, _ := w.get(acmeToken, "/v1/period", nil)
	require.Equal(t, http.StatusTooManyRequests, status)
	require.Equal(t, "2", header.Get("Retry-After"))
	w.ok(globexToken, "/v1/period")
	for range 10 {
		status, _, _ = w.get("tk_guess", "/v1/period", nil)
		require.Equal(t, http.StatusUnauthorized, status)
	}
	status, _, _ = w.get("tk_guess", "/v1/period", nil)
	require.Equal(t, http.StatusTooManyRequests, status, "who guesses tokens is slowed down")
	w.ok(globexToken, "/v1/period")
}
