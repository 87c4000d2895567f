package alerts

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Crossing asks the ledger for the crossing call of [from, to).
func Crossing(conn driver.Conn, tenant string, from, to time.Time, need ledger.Sum) (at time.Time, ok bool, err error) {
	needs := map[string]ledger.Sum{tenant: need, tenant + "'s neighbour": need}
	err = reader{conn}.crossings(context.Background(), window{from, to}, []string{tenant, tenant + "'s neighbour"}, needs, func(of string, crossed time.Time) {
		at, ok = crossed, of == tenant
	})
	return at, ok, err
}

// NewEvaluator hands one evaluation at a time to benchmarks.
func NewEvaluator(t testing.TB, cfg Config, now func() time.Time) func() error {
	a, err := New(cfg, Deps{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: prometheus.NewRegistry(), Now: now})
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.conn.Close() })
	return func() error { return a.evaluate(context.Background()) }
}

// Grains reads how coarse tenants' spend and calls were on one day of the ledger, by tenant; ” is all together.
func Grains(ctx context.Context, conn driver.Conn, from time.Time) (map[string][2]ledger.Sum, error) {
	read, err := reader{conn}.dispersions(ctx, from, from.Add(day))
	if err != nil {
		return nil, err
	}
	out := map[string][2]ledger.Sum{}
	for tenant, s := range read[from.Unix()] {
		spend, err := s.spend.Grain()
		if err != nil {
			return nil, err
		}
		calls, err := s.calls.Grain()
		if err != nil {
			return nil, err
		}
		out[tenant] = [2]ledger.Sum{spend, calls}
	}
	return out, nil
}
