package alerts_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
)

// count is how often a step was told.
func (w *world) count(step string) (n int) {
	for _, s := range w.steps() {
		if s == step {
			n++
		}
	}
	return n
}

// A runaway that makes ingest lag doesn't switch off its own throttle: what the ledger has already exceeds the budget.
func TestProvedBudgetStaysThrottledWhileTheLedgerLags(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Budgets[0].Period = "5m" // from 10:20 to 10:25
	globex := cfg.Budgets[0]
	globex.Name, globex.Tenant = "globex-hour", "globex"
	cfg.Budgets = append(cfg.Budgets, globex)
	cfg.Throttle.Enforce = []string{"acme", "globex"}
	r := w.run(cfg)
	w.calls(call{"acme", "2", time.Second, ""})
	w.awaitStep("acme acknowledged block")
	for _, rollup := range []string{
		`INSERT INTO cost_minute (window, n, worker, tenant, calls, cost) VALUES ('2026-11-02 10:20:00', 1, 7, 'acme', 1, 2)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) VALUES ('minute', '2026-11-02 10:20:00', 1, 7, 1)`,
	} {
		require.NoError(t, w.conn.Exec(context.Background(), rollup))
	}

	w.ingestStops = true
	lag := func(until string) {
		for w.clock().Format(time.TimeOnly) < until {
			w.pass(9 * time.Second)
			r.settle()
			w.eventually(func() bool { return w.count("acme ordered block") == w.count("acme acknowledged block") })
		}
	}
	lag("10:22:00")
	w.calls(call{"globex", "2", 0, ""})
	lag("10:24:30")
	require.Equal(t, []string{"acme-hour acme firing", "ledger-freshness no_data"}, w.states(), "nothing new begins")
	require.True(t, w.limiter.State(gateway.Tenant("acme")).InForce)
	require.NotContains(t, w.steps(), "acme expired block")

	lag("10:25:30") // the next period: nothing is proved of it
	w.awaitStep("acme expired block")
	require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce)
	require.NotContains(t, w.steps(), "acme released release", "nothing resolves either")
}

func TestSpikesThrottleRunsOutWhileTheLedgerLags(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Throttle.EnforceSpikes = []string{"acme"}
	s := spike(t)
	s.Tenant, s.Throttle = "acme", block
	cfg.Spikes, cfg.Budgets = []alerts.Spike{s}, nil
	w.spend("acme", "0.01", time.Minute)
	r := w.run(cfg)
	w.spend("acme", "1", 5*time.Second)
	w.awaitStep("acme acknowledged block")
	w.ingestStops = true
	for range 12 {
		w.pass(9 * time.Second)
		w.spend("acme", "1", 9*time.Second)
		r.settle()
	}
	w.awaitStep("acme expired block")
	require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce)
}
