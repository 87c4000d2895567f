package clickhouse_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

func TestMain(m *testing.M) { clickhouse.RunChildIfAsked(); os.Exit(m.Run()) }

func TestScratch(t *testing.T) {
	s, err := clickhouse.Start(context.Background(), clickhouse.Config{Dir: "/tmp/engine/run/dir", Listen: "127.0.0.1:18123", Log: slog.Default()})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour)
	_ = s
}
