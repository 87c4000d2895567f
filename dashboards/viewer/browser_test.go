//go:build testall

package viewer_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards/viewer"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/ledgertest"
)

// workshop is a copy of web with its locked packages installed, once per run.
var workshop = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "viewer")
	if err != nil {
		return "", err
	}
	cleanUp = append(cleanUp, func() { _ = os.RemoveAll(dir) })
	if err := os.CopyFS(filepath.Join(dir, "web"), os.DirFS("web")); err != nil {
		return dir, err
	}
	_, err = run(filepath.Join(dir, "web"), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	return dir, err
})

func run(dir, name string, arg ...string) (string, error) {
	cmd := exec.Command(name, arg...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func installed(t *testing.T) string {
	t.Helper()
	dir, err := workshop()
	require.NoError(t, err, "npm ci in a copy of dashboards/viewer/web (needs npm: apt-get install npm)")
	return dir
}

// The committed files are what the sources give, to the byte.
func TestBuiltFilesAreTheSources(t *testing.T) {
	dir := installed(t)
	out, err := run(filepath.Join(dir, "web"), "npm", "run", "build")
	require.NoError(t, err, out)
	files := map[string]bool{}
	for _, root := range []string{"dist", filepath.Join(dir, "dist")} {
		require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				name, _ := filepath.Rel(root, path)
				files[name] = true
			}
			return err
		}))
	}
	require.NotEmpty(t, files)
	for name := range files {
		committed, err := os.ReadFile(filepath.Join("dist", name))
		require.NoError(t, err, "built, but not committed: make viewer")
		built, err := os.ReadFile(filepath.Join(dir, "dist", name))
		require.NoError(t, err, "committed, but not built: make viewer")
		require.Equal(t, string(built), string(committed), "%s is not what the sources give: make viewer", name)
	}
}

// Every page in Chromium, with six weeks of data, with an hour of it, without, with a database that is away and with one that is slow.
func TestPagesInABrowser(t *testing.T) {
	server := clickhousetest.Start(t)
	full := ledgertest.Month(t, server)
	call := strings.TrimSpace(server.Exec(t, full, "SELECT lower(hex(trace_id)) FROM call_reports ORDER BY minute DESC, cost_input + cost_output DESC LIMIT 1"))
	act := func(context.Context, viewer.Act) (string, error) { return "nothing is held", nil }
	rules := func(db string) func(context.Context) ([]viewer.Rule, error) { // with the budget that the ledger has
		day := strings.TrimSpace(server.Exec(t, db, "SELECT toString(round(amount, 2)) FROM budgets_now WHERE name = 'initech-day'"))
		return func(context.Context) ([]viewer.Rule, error) {
			return []viewer.Rule{{Name: "day budget", Kind: "budget", Watches: "initech-agents", Fires: "80, 100 % of " + day + " USD a day", Throttle: "cap: 60 requests in 1m", Bites: "initech-agents"},
				{Name: "spike", Kind: "spike", Watches: "every tenant", Fires: "3× the usual spend", Throttle: "slow: 30 requests in 1m", Bites: "nobody: dry run"}}, nil
		}
	}

	t.Run("full", func(t *testing.T) {
		look(t, "full", viewer.Deps{ClickHouse: full, Act: act, Rules: rules(full), OTLPGRPC: "127.0.0.1:4317", OTLPHTTP: "127.0.0.1:4318"}, call)
	})
	t.Run("hour", func(t *testing.T) {
		hour := ledgertest.Hour(t, server)
		dearest := strings.TrimSpace(server.Exec(t, hour, "SELECT lower(hex(trace_id)) FROM call_reports ORDER BY cost_input + cost_output DESC LIMIT 1"))
		look(t, "hour", viewer.Deps{ClickHouse: hour, Act: act, Rules: rules(hour), OTLPGRPC: "127.0.0.1:4317", OTLPHTTP: "127.0.0.1:4318"}, dearest)
	})
	t.Run("empty", func(t *testing.T) { // of calls
		empty := ledgertest.Empty(t, server)
		server.Exec(t, empty, `INSERT INTO spans (minute, tenant, trace_id, span_id, start, service, name, scope)
			VALUES (toStartOfMinute(now('UTC')), 'acme', unhex(repeat('0a', 16)), unhex(repeat('0b', 8)), now('UTC'), 'shop', 'POST /cart', 'acme.http')`)
		look(t, "empty", viewer.Deps{ClickHouse: empty}, "")
	})
	t.Run("slow", func(t *testing.T) { look(t, "slow", viewer.Deps{ClickHouse: slowly(t, full)}, call) })
	t.Run("broken", func(t *testing.T) {
		look(t, "broken", viewer.Deps{ClickHouse: "http://someone:secret@127.0.0.1:1/tollkeeper"}, call)
	})
}

// look fails with what check.mjs finds. Pictures of the states with data go where TOLLKEEPER_PICTURES says.
func look(t *testing.T, state string, deps viewer.Deps, call string) {
	base := start(t, viewer.Config{}, deps)
	chromium, err := exec.LookPath("chromium")
	require.NoError(t, err, "needs Chromium: apt-get install chromium")
	pictures := ""
	if dir := os.Getenv("TOLLKEEPER_PICTURES"); dir != "" && (state == "full" || state == "hour") {
		pictures = filepath.Join(dir, map[string]string{"full": "month", "hour": "hour"}[state])
	}
	options, err := json.Marshal(map[string]string{"base": base, "state": state, "chromium": chromium, "pictures": pictures, "call": call})
	require.NoError(t, err)
	out, err := run(filepath.Join(installed(t), "web"), "node", "browser/check.mjs", string(options))
	t.Log("\n" + out)
	require.NoError(t, err)
}

// slowly is the same database, each answer a second late.
func slowly(t *testing.T, db string) string {
	to, err := url.Parse(db)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: to.Scheme, Host: to.Host})
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(late.Close)
	to.Host = strings.TrimPrefix(late.URL, "http://")
	return to.String()
}
