package app_test

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
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
	roles := map[string]*app.App{}
	for _, name := range []string{"alerts", "rollup", "ingest", "collector"} {
		cfg := configFor("")
		cfg.Kafka.Brokers = []string{servers.Kafka.Embedded.Listen}
		cfg.ClickHouse.URL = "http://" + servers.ClickHouse.Embedded.Listen + "/tollkeeper"
		a, err := app.Start(t.Context(), app.Options{Config: cfg, Roles: app.OneRole(name), Log: slog.New(slog.NewTextHandler(logs, nil)).With("alone", name), Version: "test"})
		require.NoError(t, err, name)
		defer func() { require.NoError(t, a.Stop(), name) }()
		roles[name] = a
		waits := a.Ready(t.Context())[name]
		require.Error(t, waits, "%s is ready without its servers", name)
		t.Logf("%s waits: %v", name, waits)
	}

	behind, err := app.Start(t.Context(), app.Options{Config: servers, Roles: app.Roles{Embedded: true}, Log: slog.New(slog.NewTextHandler(logs, nil)), Version: "test"})
	require.NoError(t, err)
	defer func() { require.NoError(t, behind.Stop()) }()
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
