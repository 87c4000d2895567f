package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/app"
)

// Each role by itself, against servers that are not there yet: it starts, says what it waits for, works as soon as they are there,
// and outlives a restart of the database with nothing lost.
func TestRolesAloneBeforeTheirServers(t *testing.T) {
	servers := configFor(filepath.Join(t.TempDir(), "data"))
	servers.Kafka.Embedded.Listen, servers.ClickHouse.Embedded.Listen = freeAddress(t), freeAddress(t)
	logs := &logBuffer{}
	var behind *app.App
	defer func() { // after the roles, which drain into the servers
		if behind != nil {
			require.NoError(t, behind.Stop())
		}
	}()
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	roles := map[string]*app.App{}
	for _, name := range []string{"alerts", "rollup", "ingest", "collector"} {
		cfg := configFor("")
		cfg.Kafka.Brokers = []string{servers.Kafka.Embedded.Listen}
		cfg.ClickHouse.URL = "http://" + servers.ClickHouse.Embedded.Listen + "/tollkeeper"
		a, err := app.Start(t.Context(), app.Options{Config: cfg, Roles: app.OneRole(name), Log: slog.New(slog.NewTextHandler(logs, nil)).With("alone", name), Version: "test"})
		require.NoError(t, err, name)
		defer func() { require.NoError(t, a.Stop(), name) }()
		roles[name] = a
		switch name { // Go's garbage collector is the whole process's; the collector's limit is the lower one
		case "rollup":
			require.EqualValues(t, 512<<20, debug.SetMemoryLimit(-1))
		case "collector":
			require.Less(t, debug.SetMemoryLimit(-1), int64(512<<20))
		}
		summary := a.Summary()
		require.Equal(t, name == "ingest" || name == "collector", strings.Contains(summary, "Kafka"), "%s: %s", name, summary)
		require.Equal(t, name != "collector", strings.Contains(summary, "ClickHouse"), "%s: %s", name, summary)
	}
	for name, server := range map[string]string{"alerts": servers.ClickHouse.Embedded.Listen, "rollup": servers.ClickHouse.Embedded.Listen,
		"ingest": servers.Kafka.Embedded.Listen, "collector": servers.Kafka.Embedded.Listen} {
		waits := ""
		require.Eventually(t, func() bool {
			waits = fmt.Sprint(roles[name].Ready(context.Background())[name])
			return strings.Contains(waits, server)
		}, aWhile, aMoment, "%s doesn't say that it waits for %s", name, server)
		t.Logf("%s waits: %s", name, waits)
	}

	var err error
	behind, err = app.Start(t.Context(), app.Options{Config: servers, Roles: app.Roles{Embedded: true}, Log: slog.New(slog.NewTextHandler(logs, nil)), Version: "test"})
	require.NoError(t, err)
	for name, a := range roles {
		require.Eventually(t, func() bool { return len(a.Ready(context.Background())) == 0 }, aWhile, aMoment, "%s: %v", name, a.Ready(t.Context()))
	}
	p, err := clientsOf(roles["collector"], logs)
	require.NoError(t, err)
	defer func() { require.NoError(t, p.close()) }()
	tr := send(t, p, "alone")
	tr.more(t, 30)
	killEngine(t, servers.DataDir)
	tr.more(t, 30)
	p.wantTotal(t, "alone", tr.end(t))
}

// A database that is named but not there ends the start of a whole product at once, with its address and the remedy.
func TestNoDatabaseAtTheURL(t *testing.T) {
	cfg := configFor(filepath.Join(t.TempDir(), "data"))
	address := freeAddress(t)
	cfg.ClickHouse.URL = "http://someone:secret@" + address + "/tollkeeper"
	_, err := start(cfg, &logBuffer{})
	require.ErrorContains(t, err, address)
	require.ErrorContains(t, err, "clickhouse.url")
	require.NotContains(t, err.Error(), "secret")
}

// freeAddress is a port that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
