package app_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/app"
)

// Every listener that can't be had is named with its key, all at once, before the engine starts, which leaves files.
func TestTakenPortsAreToldFirst(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	address := taken.Addr().String()
	cfg := configFor(filepath.Join(t.TempDir(), "data"))
	cfg.Viewer.Listen, cfg.Collector.HTTP = address, address
	cfg.Kafka.Embedded.Listen = freeAddress(t)
	cfg.Collector.GRPC = cfg.Kafka.Embedded.Listen
	cfg.ClickHouse.Embedded.Listen = "192.0.2.1:8123" // of nobody (RFC 5737)
	_, err = app.Start(context.Background(), app.Options{Config: cfg, Roles: app.AllRoles(), Log: slog.New(slog.DiscardHandler), Version: "test"})
	for _, want := range []string{
		"viewer.listen " + address + ": the port is in use",
		"collector.http " + address + ": the port is in use",
		"collector.grpc " + cfg.Collector.GRPC + ": is the port of kafka.embedded.listen, too",
		"clickhouse.embedded.listen 192.0.2.1:8123: cannot assign requested address",
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = os.Stat(filepath.Join(cfg.DataDir, "clickhouse"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
