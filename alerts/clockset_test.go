package alerts_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clocktest"
)

// counting makes the world's clock one that counts on when it is set, as a process's does.
func (w *world) counting() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = clocktest.Reading(w.now)
}

// set sets the wall of all hosts at once.
func (w *world) set(by time.Duration) {
	w.mu.Lock()
	w.now = clocktest.Set(w.now, by)
	w.complete = time.Time{}
	w.mu.Unlock()
	w.heartbeat(w.clock())
}

// rollUp does for one minute what the rollup does.
func (w *world) rollUp(minute, tenant, cost string) {
	for _, rows := range []string{
		`INSERT INTO cost_minute (window, n, worker, tenant, calls, cost) VALUES ('` + minute + `', 1, 7, '` + tenant + `', 1, ` + cost + `)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) VALUES ('minute', '` + minute + `', 1, 7, 1)`,
	} {
		require.NoError(w.t, w.conn.Exec(context.Background(), rows))
	}
}

// A throttle whose rule holds is renewed, whatever happens to the clock: the gateway ends a lease after the time that passes.
func TestAThrottleIsRenewedThoughTheClockIsSet(t *testing.T) {
	for name, by := range map[string]time.Duration{"back": -time.Hour, "forward": time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.counting()
			cfg := throttling(w)
			cfg.Budgets[0].Period, cfg.Budgets[0].ClearAfter = "day", 10*time.Second
			r := w.run(cfg)
			w.calls(call{"acme", "2", time.Second, ""})
			w.awaitStep("acme acknowledged block")
			w.rollUp("2026-11-02 10:20:00", "acme", "2")
			w.set(by)
			for range 12 {
				w.pass(5 * time.Second)
				r.settle()
				w.eventually(func() bool { return w.count("acme ordered block") == w.count("acme acknowledged block") })
				require.True(t, w.limiter.State(gateway.Tenant("acme")).InForce)
			}
			require.Equal(t, []string{"acme-hour acme firing"}, w.states(), "what is spent stays spent; the ledger is given time")
			require.NotContains(t, w.steps(), "acme expired block")
		})
	}
}

// What is about to resolve does so in its time: neither at once nor when the old time comes again.
func TestAnEpisodeResolvesInItsTimeThoughTheClockIsSet(t *testing.T) {
	for name, by := range map[string]time.Duration{"back": -time.Hour, "forward": time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.counting()
			cfg := w.config()
			s := spike(t)
			s.ClearAfter, s.Throttle = 30*time.Second, &alerts.Policy{Level: gateway.Slow, Per: time.Minute, Requests: 60}
			cfg.Spikes = []alerts.Spike{s}
			cfg.Throttle.Enforce, cfg.Throttle.EnforceSpikes = []string{"acme"}, []string{"acme"}
			w.spend("acme", "0.01", time.Minute)
			r := w.run(cfg)
			seconds := func(n int, cost string) {
				for range n {
					w.live(time.Second, map[string]string{"acme": cost})
					r.once()
				}
			}
			seconds(5, "0.2")
			w.awaitStep("acme acknowledged slow")
			seconds(25, "0.01") // clear since about ten seconds after the spike
			require.Equal(t, []string{"spike acme firing"}, w.states())
			w.set(by)
			seconds(5, "0.01")
			require.Equal(t, []string{"spike acme firing"}, w.states(), "not at once")
			seconds(30, "0.01")
			w.awaitStep("acme released release")
			require.Equal(t, []string{"spike acme firing", "spike acme resolved"}, w.states())
		})
	}
}

// A release by hand is for what was firing then, not for what begins after the clock was set back, before its time comes again.
func TestAReleaseByHandIsOverThoughTheClockIsSetBack(t *testing.T) {
	w := newWorld(t)
	w.counting()
	cfg := throttling(w)
	cfg.Budgets[0].ClearAfter = 5 * time.Second
	r := w.run(cfg)
	w.calls(call{"acme", "2", time.Second, ""})
	w.awaitStep("acme acknowledged block")
	_, err := w.releaseByHand(w.client())
	require.NoError(t, err)
	w.eventually(func() bool { return !w.limiter.State(gateway.Tenant("acme")).InForce })
	r.settle()
	w.set(-time.Hour)
	for range 10 {
		w.pass(time.Second)
		r.once()
	}
	w.awaitState("acme-hour acme resolved")
	w.calls(call{"acme", "3", 0, ""})
	w.eventually(func() bool { return w.limiter.State(gateway.Tenant("acme")).InForce })
}

// The newest word on a freeze counts, though the clock was set back between two of them.
func TestAFreezeIsLiftedThoughTheClockIsSetBack(t *testing.T) {
	w := newWorld(t)
	w.counting()
	h := w.hand(w.client())
	require.NoError(t, h.SetFrozen(context.Background(), true))
	w.set(-time.Hour)
	require.NoError(t, h.SetFrozen(context.Background(), false))
	_, frozen, err := alerts.Lives(context.Background(), w.url, w.clock().Add(-time.Hour), w.clock())
	require.NoError(t, err)
	require.Empty(t, frozen)
}

// A ledger that is said to be complete up to a time to come proves nothing; people are told, once there was time for it to mend.
func TestALedgerOfATimeToComeIsNoEvidence(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	w.heartbeat(w.clock().Add(time.Hour))
	w.ingestStops = true
	r := w.run(cfg)
	w.calls(call{"acme", "2", time.Second, ""})
	r.settle()
	require.Empty(t, w.states())
	w.pass(61 * time.Second)
	w.awaitState("ledger-freshness no_data")
	require.Contains(t, w.lastAlert().Summary, "which is 58m59s from now: the clock of its host or of this one is wrong")
}
