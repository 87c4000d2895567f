// Package clickhousetest gives tests the real engine: one per test process, started at the first Start, stopped by
// Main. Each test takes a database of its own.
//
//	func TestMain(m *testing.M) { clickhousetest.Main(m) }
//
//	func TestX(t *testing.T) {
//		url := clickhousetest.Start(t).Database(t) // schematest.Database: with the product's schema
//		…
//	}
package clickhousetest

import (
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

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

// Server is the engine shared by the tests of one process.
type Server struct{ *clickhouse.Server }

var shared struct { // one engine per process is the point of the kit
	sync.Mutex
	server *Server
	dir    string
	err    error
}

// Main is called from TestMain: it becomes the engine child if this process was started as one, else runs the
// tests, stops the engine and exits.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main without the exit, for a TestMain that has more to do (a leak check): it runs the tests, stops the engine
// and returns the exit code.
func Run(m *testing.M) int {
	clickhouse.RunChildIfAsked()
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "clickhousetest:", err)
		return max(code, 1)
	}
	return code
}

// Start returns the process's engine and starts it if it isn't running. A missing library fails the test and says how
// to get it.
func Start(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.err = start()
	}
	if shared.err != nil {
		t.Fatalf("start the engine: %v", shared.err)
	}
	return shared.server
}

func start() error {
	dir, err := os.MkdirTemp("", "tollkeeper-engine-")
	if err != nil {
		return err
	}
	shared.dir = dir
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := clickhouse.Start(context.Background(), clickhouse.Config{Dir: dir, Log: log})
	if err != nil {
		return err
	}
	shared.server = &Server{s}
	return nil
}

func stop() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.dir == "" {
		return nil
	}
	defer os.RemoveAll(shared.dir)
	if shared.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return shared.server.Close(ctx)
}

// Database creates an empty database for this test, drops it at the end, and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "t_" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, t.Name())
	s.Exec(t, "", "DROP DATABASE IF EXISTS "+name)
	s.Exec(t, "", "CREATE DATABASE "+name)
	t.Cleanup(func() { s.Exec(t, "", "DROP DATABASE IF EXISTS "+name) })
	return s.URL(name)
}

// Exec runs one statement over HTTP against a URL of this server (empty: its default database) and returns the
// answer as tab-separated text without the last line break.
func (s *Server) Exec(t testing.TB, rawURL, sql string) string {
	t.Helper()
	if rawURL == "" {
		rawURL = s.URL("default")
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatalf("url: %v", err)
	}
	u.RawQuery = url.Values{"database": {strings.Trim(u.Path, "/")}}.Encode()
	u.Path = "/"
	// No connection stays open: packages that look for leaked goroutines would find it.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post(u.String(), "text/plain", strings.NewReader(sql))
	if err != nil {
		t.Fatalf("engine: %v", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("engine: %s\n%s\n%v", sql, answer, err)
	}
	return strings.TrimSuffix(string(answer), "\n")
}
