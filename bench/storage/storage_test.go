package main

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	engine "github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

func TestMain(m *testing.M) {
	engine.RunChildIfAsked()
	os.Exit(m.Run())
}

// The benchmark runs, over few calls: every query of the product that reads reports has the parameters that it wants.
func TestEveryQueryIsAsked(t *testing.T) {
	server, err := engine.Start(t.Context(), engine.Config{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, server.Close(end))
	}()
	b := bench{ctx: t.Context(), server: server, calls: 4000, rounds: 1, chunk: 2000, end: time.Now().UTC().Truncate(time.Hour)}
	results, err := b.measure(layouts[:1])
	require.NoError(t, err)
	require.Positive(t, results[0].Bytes)
	require.Contains(t, results[0].Queries, "alerts/heavy")
	require.Contains(t, results[0].Queries, "dashboards/spend/unpriced_reasons")
}
