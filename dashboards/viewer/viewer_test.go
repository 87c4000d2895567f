package viewer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/dashboards/viewer"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
)

// cleanUp runs after all tests.
var cleanUp []func()

func TestMain(m *testing.M) {
	code := clickhousetest.Run(m)
	for _, f := range cleanUp {
		f()
	}
	os.Exit(code)
}

const trace = "0123456789abcdef0123456789abcdef"

// database is a ledger with one call.
func database(t *testing.T) string {
	server := clickhousetest.Start(t)
	db := server.Database(t)
	_, err := schema.Apply(t.Context(), db, schema.DefaultOptions())
	require.NoError(t, err)
	server.Exec(t, db, `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, received, provider, model, operation, emitter,
		fresh_input, text_output, cost_input, cost_output, price_version)
		SELECT toStartOfMinute(now('UTC')), 'acme', unhex('`+trace+`'), unhex('00000000000000aa'), 1, now64(9), now64(3), 'openai', 'gpt-5', 'chat', 'a client',
		1000, 100, 0.00125, 0.001, 'x'`)
	return db
}

func start(t *testing.T, cfg viewer.Config, deps viewer.Deps) string {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	deps.Log = slog.New(slog.DiscardHandler)
	deps.Book = func() (*pricing.Book, error) { return pricing.Load() }
	s, err := viewer.New(cfg, deps)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return "http://" + s.Addr()
}

type asked struct {
	status int
	header http.Header
	body   string
}

func do(t *testing.T, method, address, body string, header ...string) asked {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return asked{resp.StatusCode, resp.Header, string(text)}
}

func lastHour() string {
	now := time.Now()
	return fmt.Sprintf("from=%d&to=%d", now.Add(-time.Hour).Unix(), now.Add(2*time.Minute).Unix())
}

// Every query of every board answers with the columns and exact decimals that the page draws.
func TestEveryPanelAnswers(t *testing.T) {
	base := start(t, viewer.Config{}, viewer.Deps{ClickHouse: database(t)})
	var product struct {
		Boards []struct {
			UID  string
			Rows []struct {
				Panels []struct{ Query, Description string }
			}
		}
	}
	a := do(t, "GET", base+"/api/boards", "")
	require.NoError(t, json.Unmarshal([]byte(a.body), &product))
	require.Len(t, product.Boards, len(dashboards.All()))
	n := 0
	for _, b := range product.Boards {
		for _, row := range b.Rows {
			for _, p := range row.Panels {
				a := do(t, "GET", base+"/api/rows/"+p.Query+"?"+lastHour()+"&var-tenant=61636d65&var-trace="+trace, "")
				require.Equal(t, 200, a.status, "%s: %s", p.Query, a.body)
				var rows struct{ Columns []struct{ Name, Type string } }
				require.NoError(t, json.Unmarshal([]byte(a.body), &rows))
				require.NotEmpty(t, rows.Columns, p.Query)
				n++
			}
		}
	}
	require.Greater(t, n, 20)
	for _, name := range []string{"first", "arrived", "episodes", "throttles", "frozen", "budgets"} {
		a := do(t, "GET", base+"/api/rows/viewer/"+name+"?"+lastHour(), "")
		require.Equal(t, 200, a.status, a.body)
	}
	top := do(t, "GET", base+"/api/rows/tenant/top_calls?"+lastHour()+"&var-tenant=61636d65", "")
	require.Contains(t, top.body, `"0.00225"`, "a decimal is a string")
	require.Contains(t, top.body, trace)
}

// The watchdog always fires, for a dead man's switch: it is no episode that people look at.
func TestWatchdogIsNoEpisode(t *testing.T) {
	server := clickhousetest.Start(t)
	db := database(t)
	server.Exec(t, db, `INSERT INTO alert_events (episode, sequence, rule, kind, tenant, state, crossed, at) VALUES
		(generateUUIDv4(), 1, 'watchdog', 'watchdog', '', 'firing', now64(3), now64(3)), (generateUUIDv4(), 1, 'fast', 'spike', 'acme', 'firing', now64(3), now64(3))`)
	base := start(t, viewer.Config{}, viewer.Deps{ClickHouse: db})
	for _, name := range []string{"viewer/episodes", "oncall/episodes", "spend/events", "oncall/annotation", "spend/events_annotation"} {
		a := do(t, "GET", base+"/api/rows/"+name+"?"+lastHour(), "")
		require.Equal(t, 200, a.status, a.body)
		require.Contains(t, a.body, "acme", name)
		require.NotContains(t, a.body, "watchdog", name)
	}
	require.Contains(t, do(t, "GET", base+"/api/rows/oncall/firing?"+lastHour(), "").body, `"rows":[["1"`, "one fires")
}

func TestExplainAndPrices(t *testing.T) {
	base := start(t, viewer.Config{}, viewer.Deps{ClickHouse: database(t)})
	a := do(t, "GET", base+"/api/call/"+trace, "")
	require.Equal(t, 200, a.status, a.body)
	require.Contains(t, a.body, `"total":"0.00225"`)
	require.Contains(t, a.body, "fresh_input")
	require.Equal(t, 404, do(t, "GET", base+"/api/call/"+strings.Repeat("0", 32), "").status)
	bad := do(t, "GET", base+"/api/call/zzz", "")
	require.Equal(t, 400, bad.status)
	require.Contains(t, bad.body, "32 hex digits")
	prices := do(t, "GET", base+"/api/prices?provider=anthropic&model=sonnet-4-5", "")
	require.Equal(t, 200, prices.status)
	require.Contains(t, prices.body, "claude-sonnet-4-5")
}

// What a page can be asked is bounded, and what is refused says why.
func TestWrongQuestions(t *testing.T) {
	base := start(t, viewer.Config{}, viewer.Deps{ClickHouse: database(t)})
	for question, want := range map[string]int{
		"/api/rows/spend/total":                           400,
		"/api/rows/spend/total?from=2&to=1":               400,
		"/api/rows/spend/total?from=0&to=4000000000":      400,
		"/api/rows/spend/total?from=1&to=2&points=100000": 400,
		"/api/rows/tenant/total?from=1&to=2":              400, // without the tenant
		"/api/rows/ingest/insert_calls?from=1&to=2":       404,
		"/api/rows/../../ingest/ranges?from=1&to=2":       404,
		"/api/nothing":  404,
		"/no-such-file": 404,
		"/api/rows/tenant/total?from=1&to=2&var-tenant=%27)": 200, // a name that is none
	} {
		a := do(t, "GET", base+question, "")
		require.Equal(t, want, a.status, "%s: %s", question, a.body)
	}
}

func TestADatabaseThatIsAway(t *testing.T) {
	base := start(t, viewer.Config{}, viewer.Deps{ClickHouse: "http://someone:secret@127.0.0.1:1/tollkeeper"})
	a := do(t, "GET", base+"/api/rows/spend/total?"+lastHour(), "")
	require.Equal(t, 502, a.status)
	require.Contains(t, a.body, "did not answer")
	require.NotContains(t, a.body, "secret")
	require.Equal(t, 200, do(t, "GET", base+"/", "").status)
}

// Other sites, other names and people without the token get nothing.
func TestWhoMayLook(t *testing.T) {
	released := ""
	deps := viewer.Deps{ClickHouse: database(t), Act: func(_ context.Context, a viewer.Act) (string, error) {
		released = a.Do + " " + a.Tenant + " by " + a.Author + ": " + a.Reason
		return "nothing is held", nil
	}}
	token := "0123456789abcdef0123"
	open := start(t, viewer.Config{Hosts: []string{"cost.example"}}, deps)
	locked := start(t, viewer.Config{Token: token}, deps)
	const order = `{"do": "release", "tenant": "acme", "author": "ann", "reason": "agreed"}`

	require.Equal(t, 421, do(t, "GET", open+"/api/boards", "", "Host", "evil.example").status)
	require.Equal(t, 200, do(t, "GET", open+"/api/boards", "", "Host", "cost.example:80").status)
	for name, header := range map[string][]string{
		"a form":             {"Content-Type", "application/x-www-form-urlencoded"},
		"another site":       {"Content-Type", "application/json", "Origin", "http://evil.example"},
		"another site again": {"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"},
		"a sandbox":          {"Content-Type", "application/json", "Origin", "null"},
	} {
		require.Equal(t, 403, do(t, "POST", open+"/api/act", order, header...).status, name)
	}
	require.Empty(t, released)
	for _, wrong := range []string{`{"do": "release", "tenant": "acme", "author": "", "reason": "x"}`, `{"do": "release", "author": "ann", "reason": "x"}`,
		`{"do": "forget", "tenant": "acme", "author": "ann", "reason": "x"}`, `{"do": "freeze", "tenant": "acme", "author": "ann", "reason": "x"}`, `{"do": "freeze", "author": "ann"}`} {
		require.Equal(t, 400, do(t, "POST", open+"/api/act", wrong, "Content-Type", "application/json").status, wrong)
	}
	require.Empty(t, released)
	require.Equal(t, 200, do(t, "POST", open+"/api/act", order, "Content-Type", "application/json", "Origin", open).status)
	require.Equal(t, "release acme by ann: agreed", released)
	require.Equal(t, 200, do(t, "POST", open+"/api/act", `{"do": "freeze", "author": "ann", "reason": "wrong prices"}`, "Content-Type", "application/json").status)
	require.Equal(t, "freeze  by ann: wrong prices", released)

	released = ""
	require.Equal(t, 200, do(t, "GET", locked+"/", "").status, "the page holds no data")
	require.Equal(t, 401, do(t, "GET", locked+"/api/boards", "").status)
	require.Equal(t, 401, do(t, "POST", locked+"/api/act", order, "Content-Type", "application/json").status)
	require.Equal(t, 401, do(t, "GET", locked+"/api/boards", "", "Authorization", "Bearer 0123456789abcdef0124").status)
	require.Equal(t, 200, do(t, "GET", locked+"/api/boards", "", "Authorization", "Bearer "+token).status)
	require.Equal(t, 401, do(t, "POST", locked+"/api/login", `{"token": "guess"}`, "Content-Type", "application/json").status)
	in := do(t, "POST", locked+"/api/login", `{"token": "`+token+`"}`, "Content-Type", "application/json")
	require.Equal(t, 204, in.status)
	cookie := in.header.Get("Set-Cookie")
	require.Contains(t, cookie, "HttpOnly")
	require.Contains(t, cookie, "SameSite=Strict")
	require.NotContains(t, cookie, token)
	require.Equal(t, 200, do(t, "GET", locked+"/api/boards", "", "Cookie", strings.Split(cookie, ";")[0]).status)
	require.Empty(t, released)
}

func TestConfig(t *testing.T) {
	require.NoError(t, viewer.DefaultConfig().Validate())
	require.NoError(t, viewer.Config{}.Validate(), "no viewer")
	require.NoError(t, viewer.Config{Listen: "0.0.0.0:80", Token: "0123456789abcdef"}.Validate())
	require.ErrorContains(t, viewer.Config{Listen: "0.0.0.0:80"}.Validate(), "viewer.token")
	require.ErrorContains(t, viewer.Config{Listen: "8480"}.Validate(), "host:port")
	require.ErrorContains(t, viewer.Config{Listen: "localhost:1", Token: "short"}.Validate(), "shorter than")
}

// The built page is small, and asks nobody else for anything.
func TestBuiltPageIsSmallAndOffline(t *testing.T) {
	size := int64(0)
	require.NoError(t, filepath.WalkDir("dist", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		size += int64(len(text))
		for _, other := range []string{"//cdn", "//fonts", "//unpkg"} {
			require.NotContains(t, string(text), other, path)
		}
		return nil
	}))
	require.Less(t, size, int64(1<<20))
	require.Positive(t, size)
}
