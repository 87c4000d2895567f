package alerts_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
)

func TestFreezeReleasesAndBeginsNothing(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Throttle.Enforce = []string{"acme", "globex"}
	cfg.Budgets = append(cfg.Budgets, alerts.Budget{Name: "globex-hour", Tenant: "globex", Period: "hour", Amount: usd(t, "1"), Thresholds: []int{100}, Throttle: block})
	r := w.run(cfg)
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	ann := w.hand(w.client())
	ann.Reason = "prices are wrong"
	_, err := ann.Apply(context.Background(), gateway.Tenant("initech"), gateway.Block, gateway.Limits{}, time.Minute)
	require.NoError(t, err)

	require.NoError(t, ann.SetFrozen(context.Background(), true))
	w.awaitStep("acme released release")
	require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce)
	require.True(t, w.limiter.State(gateway.Tenant("initech")).InForce, "what people applied stays")
	require.Equal(t, 1.0, r.gauge("tollkeeper_alerts_frozen"))
	w.calls(call{"globex", "2", 0, ""})
	w.awaitStep("globex dry_run block")
	require.Equal(t, []string{"not sent: throttles are frozen by ann@example.com: prices are wrong"},
		w.stored("SELECT answer FROM throttle_events WHERE step = 'dry_run' AND tenant = 'globex'"))
	r.stop()

	w.pass(40 * 24 * time.Hour) // a restart doesn't forget it, however long ago
	w.run(cfg)
	w.calls(twoTenants...)
	w.eventually(func() bool {
		return len(w.stored("SELECT step FROM throttle_events WHERE step = 'dry_run' AND tenant = 'acme'")) == 2
	})
	require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce)
	_, frozen, err := alerts.Lives(context.Background(), w.url, w.clock().Add(-time.Hour), w.clock())
	require.NoError(t, err)
	require.Len(t, frozen, 1)
	require.Equal(t, "ann@example.com", frozen[0].Author)

	w.pass(time.Second)
	require.NoError(t, ann.SetFrozen(context.Background(), false))
	w.eventually(func() bool { return w.limiter.State(gateway.Tenant("acme")).InForce })
}

// Acts are read again for a while. What a person released doesn't begin again by that, not even in the log.
func TestWhatWasReleasedIsTakenOnce(t *testing.T) {
	w := newWorld(t)
	r := w.run(throttling(w))
	ann := w.hand(w.client())
	_, err := ann.Apply(context.Background(), gateway.Tenant("globex"), gateway.Slow, gateway.Limits{Per: time.Minute, Requests: 600}, time.Minute)
	require.NoError(t, err)
	r.settle()
	_, err = ann.Release(context.Background(), gateway.Tenant("globex"))
	require.NoError(t, err)
	r.settle()
	r.settle()
	require.Equal(t, 1, strings.Count(w.logged(), "applied by hand"), w.logged())
}

func TestApplyByHandStandsUntilItsLeaseEnds(t *testing.T) {
	w := newWorld(t)
	r := w.run(throttling(w))
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	ann := w.hand(w.client())
	ack, err := ann.Apply(context.Background(), gateway.Tenant("acme"), gateway.Slow, gateway.Limits{Per: time.Minute, Requests: 600}, time.Minute)
	require.NoError(t, err)
	require.True(t, ack.Applied)
	for range 5 {
		w.pass(11 * time.Second)
		r.settle()
		require.Equal(t, gateway.Slow, w.limiter.State(gateway.Tenant("acme")).Level, "the rule leaves it alone")
	}
	require.Equal(t, []string{"slow by ann@example.com: acknowledged"}, w.lives("author != 'alerts'"))

	w.pass(10 * time.Second)
	w.awaitStep("acme expired slow")
	w.eventually(func() bool { return w.limiter.State(gateway.Tenant("acme")).Level == gateway.Block })
	require.True(t, w.limiter.State(gateway.Tenant("acme")).InForce, "the budget is still exceeded")

	for _, wrong := range []func(*alerts.Hand) error{
		func(h *alerts.Hand) error {
			h.Reason = ""
			_, err := h.Apply(context.Background(), gateway.Tenant("acme"), gateway.Block, gateway.Limits{}, time.Minute)
			return err
		},
		func(h *alerts.Hand) error {
			_, err := h.Apply(context.Background(), gateway.Tenant("acme"), gateway.Block, gateway.Limits{}, 48*time.Hour)
			return err
		},
		func(h *alerts.Hand) error {
			_, err := h.Apply(context.Background(), gateway.Tenant("acme"), gateway.Cap, gateway.Limits{}, time.Minute)
			return err
		},
		func(h *alerts.Hand) error {
			_, err := h.Apply(context.Background(), gateway.Tenant(""), gateway.Block, gateway.Limits{}, time.Minute)
			return err
		},
		func(h *alerts.Hand) error {
			return (&alerts.Hand{ClickHouse: w.url, Gateway: h.Gateway, Now: w.clock}).SetFrozen(context.Background(), true)
		},
	} {
		require.Error(t, wrong(w.hand(w.client())))
	}
}

// lives lists the throttles as `tollkeeper throttle list` does: "level by author: state".
func (w *world) lives(where string) (out []string) {
	w.t.Helper()
	all, _, err := alerts.Lives(context.Background(), w.url, w.clock().Add(-24*time.Hour), w.clock())
	require.NoError(w.t, err)
	keep := w.stored("SELECT DISTINCT toString(episode) FROM throttle_events WHERE " + where)
	for _, l := range all {
		if slices.Contains(keep, l.Episode) {
			out = append(out, string(l.Level)+" by "+l.Author+": "+l.State)
		}
	}
	return out
}

func TestOnlySoManyTenantsAtOnce(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Throttle.Enforce = []string{"acme", "globex"}
	cfg.Throttle.MaxTenants = 1
	cfg.Budgets[0].Tenant = "*"
	cfg.Budgets[0].Period = "30s"
	r := w.run(cfg)
	w.calls(call{"acme", "2", 0, ""})
	w.awaitStep("acme acknowledged block")
	w.calls(call{"globex", "2", 0, ""})
	w.awaitStep("globex dry_run block")
	r.settle()
	require.Contains(t, w.stored("SELECT answer FROM throttle_events WHERE step = 'dry_run'")[0], "1 tenants are throttled already, throttle.max_tenants")
	require.False(t, w.limiter.State(gateway.Tenant("globex")).InForce)
	require.Equal(t, 1.0, r.gauge("tollkeeper_alerts_throttled_tenants"))
	require.Len(t, w.stored("SELECT step FROM throttle_events WHERE step = 'dry_run'"), 1, "said once")

	w.pass(31 * time.Second) // acme's next period
	w.calls(call{"globex", "2", 0, ""})
	w.pass(10 * time.Second)
	r.settle()
	w.awaitStep("acme expired block")
	w.eventually(func() bool { return w.limiter.State(gateway.Tenant("globex")).InForce })
}

func TestBudgetOfATeamThrottlesTheTeam(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Budgets[0].By, cfg.Budgets[0].Value = "team", "red"
	r := w.run(cfg)
	now := w.clock()
	require.NoError(t, w.conn.Exec(context.Background(), `INSERT INTO call_reports (minute, tenant, team, trace_id, span_id, version, start, received, cost_output) VALUES
		('`+now.Truncate(time.Minute).Format(time.DateTime)+`', 'acme', 'red', '000000000000000a', '0000000a', 1, '`+now.Format(time.DateTime)+`', '`+now.Format(time.DateTime)+`', 2)`))
	w.pass(6 * time.Second) // parts of tenants are counted every five seconds
	w.awaitStep("acme acknowledged block")
	red := gateway.Subject{Tenant: "acme", Team: "red"}
	require.True(t, w.limiter.State(red).InForce)
	require.True(t, w.limiter.Allow(red).Refused)
	require.False(t, w.limiter.Allow(gateway.Subject{Tenant: "acme", Team: "blue"}).Refused)

	r.settle()
	x, err := w.journal(cfg).Explain(t.Context(), w.lastAlert().Episode.String())
	require.NoError(t, err)
	require.Equal(t, "tollkeeper throttle release --reason WHY --team='red' 'acme'", x.Message.Undo, "the part, not all that is throttled of the tenant")

	_, err = w.releaseByHand(w.client()) // the whole tenant, and so its parts
	require.NoError(t, err)
	require.False(t, w.limiter.State(red).InForce)
}
