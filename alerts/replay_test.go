package alerts_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
)

// TestReplayFiresWhatFiredLive: the same rules over the same calls, live and from the ledger afterwards.
func TestReplayFiresWhatFiredLive(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Spikes = []alerts.Spike{{Name: "spike", MinUSD: usd(t, "0.1"), ClearAfter: 30 * time.Second}}
	cfg.Budgets = []alerts.Budget{{Name: "models", Tenant: "acme", By: "model", Period: "day", Amount: usd(t, "2"), Thresholds: []int{100}}}
	require.NoError(t, w.conn.Exec(t.Context(), `INSERT INTO cost_hour (window, n, worker, tenant, model, calls, cost) VALUES ('2026-11-02 01:00:00', 1, 7, 'acme', 'dear', 40, 2.5)`))
	require.NoError(t, w.conn.Exec(t.Context(), `INSERT INTO window_revisions (level, window, n, worker, committed) VALUES ('hour', '2026-11-02 01:00:00', 1, 7, 1)`))
	begin := w.clock()
	r := w.run(cfg)
	for range 8 {
		w.live(30*time.Second, map[string]string{"acme": "0.002", "globex": "0.01"})
		r.once()
	}
	for range 12 {
		w.live(5*time.Second, map[string]string{"acme": "0.1", "globex": "0.01"})
		r.once()
	}
	w.awaitState("spike acme firing")
	fired := w.lastAlert()
	for range 30 {
		w.live(5*time.Second, map[string]string{"acme": "0.002", "globex": "0.01"})
		r.once()
	}
	w.awaitState("spike acme resolved")
	w.awaitState("models acme firing")
	r.stop()

	j := w.journal(cfg)
	replay, err := j.Replay(t.Context(), cfg.Rules(), begin, w.clock(), time.Second, nil)
	require.NoError(t, err)
	var got []string
	for _, f := range replay.Fired {
		got = append(got, f.Rule+" "+f.Tenant+" "+f.Value)
		if f.Rule == "spike" {
			require.InDelta(t, fired.At.Unix(), f.From.Unix(), 10, "live the clock was turned by five seconds at a time")
			require.False(t, f.To.IsZero())
		}
	}
	require.ElementsMatch(t, []string{"spike acme ", "models acme dear"}, got)
	require.Equal(t, []string{"acme", "globex"}, replay.Tenants())
	require.Len(t, w.stored("SELECT rule FROM alert_events FINAL"), 3, "a replay writes nothing")

	_, err = j.Replay(t.Context(), cfg.Rules(), begin, begin, time.Second, nil)
	require.Error(t, err)
}
