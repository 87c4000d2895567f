package clickhouse_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

var (
	admin  = clickhouse.User{Name: "default", Password: "s3cret/&?"}
	viewer = clickhouse.User{Name: "viewer", Password: "look", ReadOnly: true}
	acme   = clickhouse.User{Name: "acme", Password: "a", Tenant: "acme"}
	globex = clickhouse.User{Name: "globex", Password: "g", Tenant: "globex"}
)

func TestMain(m *testing.M) {
	clickhouse.RunChildIfAsked()
	if os.Getenv("PARENT_THAT_DIES") != "" {
		parentThatDies()
	}
	code := m.Run()
	shared.Do(func() {})
	if server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		_ = os.RemoveAll(serverDir)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var (
	shared    sync.Once
	server    *clickhouse.Server
	serverDir string
	errServer error
)

// engine is the server that tests share.
func engine(t testing.TB) *clickhouse.Server {
	t.Helper()
	shared.Do(func() {
		if serverDir, errServer = os.MkdirTemp("", "engine-test-"); errServer != nil {
			return
		}
		server, errServer = clickhouse.Start(context.Background(), clickhouse.Config{
			Dir: serverDir, Users: []clickhouse.User{admin, viewer, acme, globex}, Log: testLog(),
		})
	})
	require.NoError(t, errServer)
	return server
}

func testLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// ask is one HTTP request.
type ask struct {
	method string // default POST
	path   string // default /
	user   clickhouse.User
	anon   bool // no credentials at all
	params url.Values
	header http.Header
	body   []byte
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func do(t testing.TB, s *clickhouse.Server, a ask) answer {
	t.Helper()
	resp, body, err := try(context.Background(), s, a)
	require.NoError(t, err)
	return answer{resp.StatusCode, resp.Header, body}
}

func try(ctx context.Context, s *clickhouse.Server, a ask) (*http.Response, string, error) {
	if a.method == "" {
		a.method = http.MethodPost
	}
	u := url.URL{Scheme: "http", Host: s.Addr(), Path: "/" + strings.TrimPrefix(a.path, "/"), RawQuery: a.params.Encode()}
	req, err := http.NewRequestWithContext(ctx, a.method, u.String(), bytes.NewReader(a.body))
	if err != nil {
		return nil, "", err
	}
	if a.header != nil {
		req.Header = a.header
	}
	if a.user.Name == "" && !a.anon {
		a.user = admin
	}
	if !a.anon {
		req.SetBasicAuth(a.user.Name, a.user.Password)
	}
	if req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", "identity")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// query runs a statement as the user and wants it to succeed.
func query(t testing.TB, s *clickhouse.Server, u clickhouse.User, sql string) string {
	t.Helper()
	a := do(t, s, ask{user: u, body: []byte(sql)})
	require.Equal(t, 200, a.status, "%s\n%s", sql, a.body)
	return strings.TrimSuffix(a.body, "\n")
}

// database creates an empty database for the test.
func database(t testing.TB, s *clickhouse.Server) string {
	t.Helper()
	name := "t_" + strings.NewReplacer("/", "_", "#", "_").Replace(t.Name())
	query(t, s, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { query(t, s, admin, "DROP DATABASE "+name) })
	return name
}
