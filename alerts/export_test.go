package alerts

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// NewEvaluator hands one evaluation at a time to benchmarks.
func NewEvaluator(t testing.TB, cfg Config, now func() time.Time) func() error {
	a, err := New(cfg, Deps{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: prometheus.NewRegistry(), Now: now})
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.conn.Close() })
	return func() error { return a.evaluate(context.Background()) }
}
