package alerts_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
)

// A ledger to which nothing comes is read less often; the first call after that is seen at once, also one that is older than the newest, and one
// that another process's rollup would not tell of.
func TestTheFirstCallAfterAPauseIsSeenAtOnce(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Budgets = []alerts.Budget{{Name: "acme-hour", Tenant: "acme", Period: "hour", Amount: usd(t, "1"), Thresholds: []int{50, 100}}}
	r := w.run(cfg)
	w.calls(call{"acme", "0.4", 0, ""})
	r.settle()
	w.pass(40 * time.Second) // calm
	r.settle()
	for range 3 {
		w.pass(time.Second)
		r.once()
	}
	require.Empty(t, w.states())
	w.calls(call{"acme", "0.2", 50 * time.Second, ""}) // received before the newest
	r.once()
	require.Equal(t, []string{"acme-hour acme firing"}, w.states())
	w.pass(time.Second)
	r.once()
	w.calls(call{"acme", "0.5", 0, ""})
	r.once()
	require.Equal(t, []string{"acme-hour acme firing", "acme-hour acme firing"}, w.states())
}
