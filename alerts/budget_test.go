package alerts_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestBudgetFiresAtTheExactCallAndResolvesOnce(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Budgets = []alerts.Budget{{Name: "acme-hour", Tenant: "acme", Period: "hour", Amount: usd(t, "1"), Thresholds: []int{100}}}
	r := w.run(cfg)

	// Two calls short of the last 10⁻¹² USD, and another tenant's money.
	w.calls(call{"acme", "0.4", 90 * time.Second, ""}, call{"acme", "0.599999999999", 40 * time.Second, ""}, call{"globex", "5", 0, ""})
	r.settle()
	require.Empty(t, w.states())

	w.calls(call{"acme", "0.000000000001", 3 * time.Second, ""}, call{"acme", "0.7", time.Second, ""}, call{"acme", "0", 0, "unknown_model"})
	w.awaitState("acme-hour acme firing")
	e := w.lastAlert()
	require.Equal(t, w.clock().Add(-3*time.Second), e.Crossed, "the first call with which the condition held")
	require.Equal(t, "1.700000000000", e.Value.String())
	require.Equal(t, "1.000000000000", e.Threshold.String())
	require.Equal(t, alerts.Critical, e.Severity)
	require.Contains(t, e.Summary, "at least 1.70 USD", "an unpriced call makes it a lower bound")
	r.settle()

	w.pass(40 * time.Minute) // the next hour
	w.calls(call{"globex", "1", 0, ""})
	r.settle()
	require.Equal(t, []string{"acme-hour acme firing"}, w.states(), "not clear for long enough yet")
	w.pass(10 * time.Second)
	w.awaitState("acme-hour acme resolved")
	r.settle()
	require.Equal(t, []string{"acme-hour acme firing", "acme-hour acme resolved"}, w.states())
	require.Equal(t, []string{"firing", "resolved"}, w.stored("SELECT toString(state) FROM alert_events FINAL ORDER BY sequence"))
	require.Equal(t, []string{"1"}, w.stored("SELECT toString(uniqExact(episode)) FROM alert_events"))
	require.Contains(t, w.logged(), "after=40m10s")
}

// A budget that names no time zone is each tenant's by its own, as the directory has it.
func TestABudgetsDayIsItsTenants(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Budgets = []alerts.Budget{
		{Name: "day", Tenant: "*", Period: "day", Amount: usd(t, "5"), Thresholds: []int{100}},
		{Name: "globex-day", Tenant: "globex", Period: "day", TimeZone: "Asia/Tokyo", Amount: usd(t, "5"), Thresholds: []int{100}},
	}
	ctx := context.Background()
	for _, q := range []string{
		`INSERT INTO tenants (tenant, time_zone, valid_from) VALUES ('acme', 'Asia/Tokyo', '2026-01-01 00:00:00'), ('globex', 'Europe/London', '2026-01-01 00:00:00'),
			('initech', 'Asia/Tokyo', '2026-01-01 00:00:00'), ('initech', '', '2026-11-02 00:00:00')`,
		// 16:00 UTC is the next day in Tokyo, 14:00 isn't.
		`INSERT INTO cost_hour (window, n, worker, tenant, calls, cost) VALUES ('2026-11-01 16:00:00', 1, 7, 'acme', 1, 6), ('2026-11-01 14:00:00', 1, 7, 'acme', 1, 100),
			('2026-11-01 16:00:00', 1, 7, 'globex', 1, 6), ('2026-11-01 16:00:00', 1, 7, 'initech', 1, 6), ('2026-11-01 16:00:00', 1, 7, 'unattributed', 1, 6)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) VALUES ('hour', '2026-11-01 14:00:00', 1, 7, 1), ('hour', '2026-11-01 16:00:00', 1, 7, 1)`,
	} {
		require.NoError(t, w.conn.Exec(ctx, q))
	}
	w.calls(call{"acme", "0.5", 0, ""}, call{"globex", "0.5", 0, ""}, call{"initech", "0.5", 0, ""})
	r := w.run(cfg)
	w.awaitState("day acme firing")
	w.awaitState("globex-day globex firing")
	r.settle()
	require.ElementsMatch(t, []string{"day acme firing", "globex-day globex firing"}, w.states(), "the others' day began at 00:00 UTC; a budget's own zone stands above the directory")
	for _, v := range w.stored("SELECT toString(value) FROM alert_events FINAL") {
		require.Equal(t, "6.5", v)
	}
}

func TestBudgetCountsRolledUpWindows(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Budgets = []alerts.Budget{{Name: "acme-day", Tenant: "acme", Period: "day", Amount: usd(t, "10"), Thresholds: []int{50, 80, 100}}}
	ctx := context.Background()
	for _, q := range []string{
		`INSERT INTO cost_hour (window, n, worker, tenant, calls, cost) VALUES ('2026-11-02 08:00:00', 1, 7, 'acme', 40, 6.5), ('2026-11-02 08:00:00', 2, 7, 'acme', 44, 7.5)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) VALUES ('hour', '2026-11-02 08:00:00', 1, 7, 1), ('hour', '2026-11-02 08:00:00', 2, 7, 1)`,
		`INSERT INTO cost_minute (window, n, worker, tenant, calls, cost) VALUES ('2026-11-02 10:10:00', 1, 7, 'acme', 1, 0.25)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) VALUES ('minute', '2026-11-02 10:10:00', 1, 7, 1)`,
		// A minute whose rollup is behind: its calls count, its old revision doesn't.
		`INSERT INTO cost_minute (window, n, worker, tenant, calls, cost) VALUES ('2026-11-02 10:16:00', 1, 7, 'acme', 1, 3)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) VALUES ('minute', '2026-11-02 10:16:00', 1, 7, 1)`,
		`INSERT INTO dirty_windows (level, window, id, due, done, at) VALUES ('minute', '2026-11-02 10:16:00', generateUUIDv4(), '2026-11-02 10:16:30', 0, '2026-11-02 10:16:30')`,
	} {
		require.NoError(t, w.conn.Exec(ctx, q))
	}
	w.calls(call{"acme", "0.125", 4 * time.Minute, ""}, call{"acme", "0.125", 0, ""})
	r := w.run(cfg)
	w.awaitState("acme-day acme firing")
	r.settle()
	require.Equal(t, []string{"acme-day acme firing"}, w.states(), "the highest threshold speaks for the lower one")
	require.Equal(t, "8.000000000000", w.lastAlert().Value.String(), "7.5 + 0.25 + 0.125 + 0.125")
	require.Equal(t, w.clock(), w.lastAlert().Crossed)
	require.Equal(t, alerts.Warning, w.lastAlert().Severity)

	w.calls(call{"acme", "2", 0, ""})
	w.eventually(func() bool { return len(w.states()) == 2 })
	require.Equal(t, alerts.Critical, w.lastAlert().Severity)
	r.settle()
	require.Len(t, w.states(), 2)
}

func TestShortBudgetThrottlesAndReleasesInTheNextWindow(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Throttle.Enforce = []string{"acme"}
	cfg.Throttle.Lease = 20 * time.Second
	cfg.Budgets = []alerts.Budget{{Name: "acme-30s", Tenant: "acme", Period: "30s", Amount: usd(t, "1"), Thresholds: []int{100},
		ClearAfter: 5 * time.Second, Throttle: &alerts.Policy{Level: gateway.Cap, Per: 10 * time.Second, USD: usd(t, "0.10")}}}
	r := w.run(cfg)
	w.spend("acme", "0.9", 1*time.Second)
	r.settle()
	require.Empty(t, w.states(), "10:20:30 begins a window; nothing but this call is in it")

	w.live(4*time.Second, map[string]string{"acme": "0.5", "globex": "0.01"})
	w.awaitStep("acme acknowledged cap")
	s := w.limiter.State(gateway.Tenant("acme"))
	require.True(t, s.InForce)
	require.Equal(t, dollar/10, s.Limits.USD)
	require.Contains(t, s.Reason, "acme has spent")

	// The gateway bites: spend falls, and the ledger shows it.
	for range 12 {
		w.live(time.Second, map[string]string{"globex": "0.01"})
		r.once()
	}
	w.awaitStep("acme effective cap")
	require.True(t, w.limiter.State(gateway.Tenant("acme")).InForce, "renewed while the budget stays exceeded")

	// 10:20:46 → the next window begins at 10:21:00, and 5 s later the budget is clear.
	for range 21 {
		w.live(time.Second, map[string]string{"globex": "0.01"})
		r.once()
	}
	w.awaitStep("acme released release")
	require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce)
	require.Equal(t, []string{"acme-30s acme firing", "acme-30s acme resolved"}, w.states())
	require.NotContains(t, w.steps(), "acme failed cap")
	require.NotContains(t, w.steps(), "acme expired cap")
}

// The crossing call of the query is the one that adding up in the order of receipt finds, to the last 10⁻¹² USD.
func TestCrossingIsExact(t *testing.T) {
	w := newWorld(t)
	random := rand.New(rand.NewPCG(1, 2))
	from, to := w.clock().Add(-95*time.Second), w.clock().Add(-5*time.Second)
	type received struct {
		at   time.Time
		cost ledger.Money
	}
	var inside []received
	var calls []call
	for range 400 {
		cost := ledger.Money(random.Int64N(int64(ledger.USD)))
		ago := time.Duration(random.Int64N(100_000)) * time.Millisecond
		calls = append(calls, call{"acme", cost.String(), ago, ""}, call{"globex", cost.String(), ago, ""})
		if at := w.clock().Add(-ago); !at.Before(from) && at.Before(to) {
			inside = append(inside, received{at, cost})
		}
	}
	w.calls(calls...)
	slices.SortStableFunc(inside, func(a, b received) int { return a.at.Compare(b.at) })
	var running ledger.Sum
	for i, c := range inside {
		running = running.AddMoney(c.cost)
		if i%40 != 0 || (i+1 < len(inside) && inside[i+1].at.Equal(c.at)) || (i > 0 && inside[i-1].at.Equal(c.at)) {
			continue
		}
		at, ok, err := alerts.Crossing(w.conn, "acme", from, to, running)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, c.at, at)
		if i+1 < len(inside) {
			at, _, err = alerts.Crossing(w.conn, "acme", from, to, running.AddMoney(1))
			require.NoError(t, err)
			require.Equal(t, inside[i+1].at, at)
		}
	}
	_, ok, err := alerts.Crossing(w.conn, "acme", from, to, running.AddMoney(1))
	require.NoError(t, err)
	require.False(t, ok)
}

func TestTenantNamesAreOnlyNames(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	names := []string{`O'Brien \ Söhne`, "tab\tand\nline", `\' OR 1=1 --`, `"]`}
	var calls []call
	for i, name := range names {
		cfg.Budgets = append(cfg.Budgets, alerts.Budget{Name: string(rune('a' + i)), Tenant: name, Period: "day", Amount: usd(t, "1"), Thresholds: []int{100}},
			alerts.Budget{Name: string(rune('A' + i)), Tenant: name, Period: "40s", Amount: usd(t, "1"), Thresholds: []int{100}})
		calls = append(calls, call{name, "1", 2 * time.Second, ""})
	}
	r := w.run(cfg)
	r.settle()
	w.calls(append(calls, call{"other", "1", 0, ""})...)
	w.eventually(func() bool { return len(w.states()) == 2*len(names) })
	require.Equal(t, []string{"8 of 4"}, w.stored(`SELECT concat(toString(uniqExact(episode)), ' of ', toString(uniqExact(tenant)))
		FROM alert_events WHERE crossed = (SELECT min(received) FROM call_reports)`))
}
