package alerts_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// throttling is a budget of one USD an hour that blocks acme, enforced.
func throttling(w *world) alerts.Config {
	cfg := w.config()
	cfg.Throttle.Enforce = []string{"acme"}
	cfg.Throttle.Lease = 20 * time.Second
	cfg.Throttle.RetryAfter = 2 * time.Second
	cfg.Budgets = []alerts.Budget{{Name: "acme-hour", Tenant: "acme", Period: "hour", Amount: usd(w.t, "1"), Thresholds: []int{100}, Throttle: block}}
	return cfg
}

var twoTenants = []call{{"acme", "2", time.Second, ""}, {"globex", "0.01", 0, ""}}

func TestRestartInTheMiddleOfAnEpisode(t *testing.T) {
	w := newWorld(t)
	first := w.run(throttling(w))
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	first.stop()

	w.pass(5 * time.Second)
	second := w.run(throttling(w))
	second.settle()
	require.Equal(t, []string{"acme-hour acme firing"}, w.states(), "the episode goes on, nothing is told twice")
	require.Equal(t, uint64(1), w.limiter.State(gateway.Tenant("acme")).Sequence, "the lease is known and not due")

	w.pass(10 * time.Second)
	w.eventually(func() bool { return w.limiter.State(gateway.Tenant("acme")).Sequence == 2 })
	second.stop()

	w.pass(50 * time.Minute) // resolved while nobody looked: the lease has run out long ago
	w.calls(call{"globex", "0.01", 0, ""})
	third := w.run(throttling(w))
	w.awaitStep("acme expired block")
	w.pass(10 * time.Second)
	w.awaitState("acme-hour acme resolved")
	third.settle()
	require.Len(t, w.states(), 2)
	require.NotContains(t, w.steps(), "acme released release", "there was nothing left to release")
}

func TestDeadControllerLeavesNobodyThrottled(t *testing.T) {
	w := newWorld(t)
	r := w.run(throttling(w))
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	r.stop()
	require.True(t, w.limiter.Allow(gateway.Tenant("acme")).Refused)
	w.pass(20 * time.Second)
	require.False(t, w.limiter.Allow(gateway.Tenant("acme")).Refused)
}

func TestStaleLedgerIsNoEvidence(t *testing.T) {
	w := newWorld(t)
	r := w.run(throttling(w))
	w.calls(call{"acme", "2", time.Second, ""}, call{"globex", "0.01", 0, ""})
	w.awaitStep("acme acknowledged block")

	w.ingestStops = true
	for range 4 { // the leases end while nobody says that the ledger is complete
		w.pass(20 * time.Second)
		w.calls(call{"globex", "0.01", 0, ""}) // one partition of many goes on
		r.settle()
	}
	w.awaitState("ledger-freshness no_data")
	require.Contains(t, w.lastAlert().Summary, "calls may be missing from the ledger since 2026-11-02 10:20:30 UTC")
	require.Equal(t, w.complete, w.lastAlert().Crossed)
	w.awaitStep("acme expired block")
	require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce)

	w.pass(50 * time.Minute) // the budget's next hour, as far as anybody knows
	r.settle()
	r.stop() // nor is a restart evidence
	r = w.run(throttling(w))
	r.settle()
	w.pass(20 * time.Second)
	r.settle()
	require.Equal(t, []string{"acme-hour acme firing", "ledger-freshness no_data"}, w.states())

	w.ingestStops = false
	w.pass(time.Second)
	w.awaitState("ledger-freshness resolved")
	require.Contains(t, w.lastAlert().Summary, "resolved: the ledger is complete up to 2026-11-02 11:12:11 UTC")
	w.pass(10 * time.Second)
	w.awaitState("acme-hour acme resolved")
	require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce)
}

func TestThrottleGoesOnWhenTheLedgerIsCompleteAgain(t *testing.T) {
	w := newWorld(t)
	r := w.run(throttling(w))
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	w.ingestStops = true
	w.pass(61 * time.Second)
	w.awaitState("ledger-freshness no_data")
	w.awaitStep("acme expired block")
	w.ingestStops = false
	w.pass(time.Second)
	w.awaitState("ledger-freshness resolved")
	w.eventually(func() bool { return w.limiter.State(gateway.Tenant("acme")).InForce })
	r.settle()
	require.Equal(t, []string{"acme-hour acme firing", "ledger-freshness no_data", "ledger-freshness resolved"}, w.states())
}

func TestPauseOfTrafficIsNoAlarm(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Throttle.Lease = 2 * time.Minute
	r := w.run(cfg)
	w.calls(call{"acme", "2", 0, ""}) // the only tenant, and blocked: silence for ten minutes
	w.awaitStep("acme acknowledged block")
	for _, rollup := range []string{
		`INSERT INTO cost_minute (window, n, worker, tenant, calls, cost) VALUES ('2026-11-02 10:20:00', 1, 7, 'acme', 1, 2)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) VALUES ('minute', '2026-11-02 10:20:00', 1, 7, 1)`,
	} {
		require.NoError(t, w.conn.Exec(context.Background(), rollup))
	}
	for range 30 {
		w.pass(20 * time.Second)
		w.eventually(func() bool { return w.limiter.State(gateway.Tenant("acme")).Expires.Sub(w.clock()) >= time.Minute })
		r.settle()
	}
	require.Equal(t, []string{"acme-hour acme firing"}, w.states())
	require.True(t, w.limiter.State(gateway.Tenant("acme")).InForce, "renewed all the time")
	require.NotContains(t, w.steps(), "acme expired block")
}

func TestIngestThatNeverComes(t *testing.T) {
	w := newWorld(t)
	w.ingestStops = true
	require.NoError(t, w.conn.Exec(context.Background(), "TRUNCATE TABLE ingest_freshness"))
	cfg := throttling(w)
	began := w.clock()
	r := w.run(cfg)
	w.pass(cfg.StaleAfter)
	r.settle()
	require.Empty(t, w.states(), "it may have been started just now")
	w.pass(time.Second)
	w.awaitState("ledger-freshness no_data")
	require.Contains(t, w.lastAlert().Summary, "since 2026-11-02 10:20:30 UTC, when alerts was started, or longer")
	require.Equal(t, began, w.lastAlert().Crossed)

	// One partition of two is complete, the other one never was.
	at := w.clock().Format(time.DateTime)
	insert := "INSERT INTO ingest_freshness (topic, partition, complete_to) VALUES ('" + ledger.TopicCalls + "', "
	require.NoError(t, w.conn.Exec(context.Background(), insert+"1, '1970-01-01 00:00:00')"))
	require.NoError(t, w.conn.Exec(context.Background(), insert+"0, '"+at+"')"))
	r.settle()
	require.Len(t, w.states(), 1)
	require.NoError(t, w.conn.Exec(context.Background(), insert+"1, '"+at+"')"))
	w.awaitState("ledger-freshness resolved")
}

func TestDryRunUnlessOptedIn(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Throttle.Enforce = []string{"globex"}
	s := spike(t)
	s.Tenant, s.Throttle = "globex", block
	cfg.Spikes = []alerts.Spike{s} // globex opted in for budgets, not for spikes
	w.spend("globex", "0.01", time.Minute)
	r := w.run(cfg)
	w.calls(call{"acme", "2", 0, ""})
	w.spend("globex", "1", 5*time.Second)
	w.awaitStep("acme dry_run block")
	w.awaitStep("globex dry_run block")
	r.settle()
	require.ElementsMatch(t, []string{"acme dry_run block", "globex dry_run block"}, w.steps(), "once an episode")
	require.Empty(t, w.limiter.States(), "the gateway was told nothing")
}

func TestDryRunIsCountedByTheGatewayOnRequest(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Throttle.Enforce, cfg.Throttle.SendDryRun = nil, true
	w.run(cfg)
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	require.False(t, w.limiter.Allow(gateway.Tenant("acme")).Refused)
	require.Equal(t, int64(1), w.limiter.State(gateway.Tenant("acme")).Would)
}

func TestGatewayThatLies(t *testing.T) {
	w := newWorld(t)
	w.breakGateway(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, `{"applied": true, "state": {"command": {"tenant": "acme", "sequence": 1}, "in_force": true}}`)
	}))
	r := w.run(throttling(w))
	w.calls(twoTenants...)
	w.awaitStep("acme failed block")
	r.settle()
	require.Contains(t, w.stored("SELECT answer FROM throttle_events WHERE step = 'failed'")[0], "read-back shows")

	w.breakGateway(nil)
	w.pass(2 * time.Second)
	w.eventually(func() bool { return w.limiter.State(gateway.Tenant("acme")).InForce })
}

func TestGatewayThatIsDownAndComesBack(t *testing.T) {
	w := newWorld(t)
	w.breakGateway(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }))
	r := w.run(throttling(w))
	w.calls(twoTenants...)
	w.awaitStep("acme failed block")
	r.settle()
	require.Len(t, w.steps(), 2, "one order until retry_after has passed")
	w.breakGateway(nil)
	w.pass(2 * time.Second)
	w.awaitStep("acme acknowledged block")
}

func TestSlowGatewayDoesNotStopTheEvaluation(t *testing.T) {
	w := newWorld(t)
	hold := make(chan struct{})
	w.breakGateway(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(hold) })
	cfg := throttling(w)
	cfg.Budgets = append(cfg.Budgets, alerts.Budget{Name: "globex-hour", Tenant: "globex", Period: "hour", Amount: usd(t, "1"), Thresholds: []int{100}})
	cfg.Throttle.Gateway.Timeout = time.Minute
	r := w.run(cfg)
	w.calls(twoTenants...)
	w.awaitStep("acme ordered block")
	w.calls(call{"globex", "5", 0, ""})
	w.awaitState("globex-hour globex firing")
	r.stop() // with a send in flight
}

func TestGoneGatewayIsNotCalledAgain(t *testing.T) {
	w := newWorld(t)
	w.breakGateway(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusGone) }))
	r := w.run(throttling(w))
	w.calls(twoTenants...)
	w.awaitStep("acme failed block")
	w.breakGateway(nil)
	w.pass(time.Minute)
	w.calls(call{"globex", "0.01", 0, ""})
	r.settle()
	require.Empty(t, w.limiter.States())
	require.Contains(t, w.steps(), "acme dry_run block")
}

func TestNewerCommandAtTheGatewayIsOvertaken(t *testing.T) {
	w := newWorld(t)
	now := w.clock()
	_, err := w.limiter.Apply(gateway.Command{Subject: gateway.Tenant("acme"), Level: gateway.Notify, Sequence: 41, Issued: now, Expires: now.Add(time.Minute), Rule: "other"})
	require.NoError(t, err)
	w.run(throttling(w))
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	s := w.limiter.State(gateway.Tenant("acme"))
	require.Equal(t, uint64(42), s.Sequence)
	require.Equal(t, gateway.Block, s.Level)
}

func TestRuleThatIsTakenOutResolvesAndReleases(t *testing.T) {
	w := newWorld(t)
	r := w.run(throttling(w))
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	r.stop()
	cfg := throttling(w)
	cfg.Budgets = nil
	w.run(cfg)
	w.awaitStep("acme released release")
	require.Equal(t, "resolved: the rule is no longer configured", w.lastAlert().Summary)
}

func TestThrottleWithoutEffectIsReported(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Throttle.EffectWithin = 15 * time.Second
	r := w.run(cfg)
	w.spend("acme", "0.2", 20*time.Second)
	w.awaitStep("acme acknowledged block")
	for range 5 { // traffic that goes past the gateway
		w.live(4*time.Second, map[string]string{"acme": "0.2"})
		r.settle()
	}
	w.awaitStep("acme ineffective block")
	require.Contains(t, strings.Join(w.stored("SELECT answer FROM throttle_events WHERE step = 'ineffective'"), "\n"), `no effect: {"before":"2.0`)
	w.awaitState("throttle-unproved acme firing")
	require.Contains(t, w.lastAlert().Summary, "acme is throttled (block), and its calls go on")
}

func TestWaitsForTheDatabase(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.ClickHouse = strings.Replace(w.url, "/ledger_", "/absent_", 1)
	r := w.run(cfg)
	w.eventually(func() bool { return r.evaluations() > 1 })
	require.ErrorContains(t, r.a.Ready(context.Background()), "absent_")
}

func TestGatewayWithoutReadBack(t *testing.T) {
	w := newWorld(t)
	w.breakGateway(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			rw.WriteHeader(http.StatusMethodNotAllowed)
		}
	}))
	r := w.run(throttling(w))
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	r.settle()
	require.Equal(t, []string{"acme ordered block", "acme acknowledged block"}, w.steps(), "a 2xx is taken for what it is; the ledger proves the rest")
}

func TestTheStrictestEpisodeRulesAndTheOtherFollows(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Budgets[0].Period = "30s"
	cfg.Budgets = append(cfg.Budgets, alerts.Budget{Name: "acme-day", Tenant: "acme", Period: "day", Amount: usd(t, "1.5"), Thresholds: []int{100},
		Throttle: &alerts.Policy{Level: gateway.Slow, Per: time.Minute, Requests: 6}})
	r := w.run(cfg)
	w.calls(call{"acme", "2", 0, ""}, call{"globex", "0.01", 0, ""})
	w.awaitStep("acme acknowledged block")
	r.settle()
	require.Equal(t, gateway.Block, w.limiter.State(gateway.Tenant("acme")).Level)
	for range 12 { // the short budget's next window
		w.live(4*time.Second, map[string]string{"globex": "0.01"})
		r.settle()
	}
	w.awaitState("acme-hour acme resolved")
	w.eventually(func() bool { return w.limiter.State(gateway.Tenant("acme")).Level == gateway.Slow })
	require.True(t, w.limiter.State(gateway.Tenant("acme")).InForce)
	require.NotContains(t, w.steps(), "acme released release")
}

func TestDatabaseThatGoesAway(t *testing.T) {
	w := newWorld(t)
	target, err := url.Parse(w.url)
	require.NoError(t, err)
	var down atomic.Bool
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if down.Load() {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	cfg := throttling(w)
	cfg.ClickHouse = strings.Replace(w.url, target.Host, strings.TrimPrefix(front.URL, "http://"), 1)
	r := w.run(cfg)
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")

	down.Store(true)
	w.eventually(func() bool { return r.a.Ready(context.Background()) != nil })
	w.pass(30 * time.Second)
	require.False(t, w.limiter.Allow(gateway.Tenant("acme")).Refused, "nobody renews what nobody can justify")
	down.Store(false)
	w.calls(call{"globex", "0.01", 0, ""})
	w.awaitStep("acme expired block")
	w.eventually(func() bool { return w.limiter.State(gateway.Tenant("acme")).InForce })
	require.Equal(t, []string{"acme-hour acme firing"}, w.states(), "the same episode")
	require.Equal(t, []string{"1000"}, w.stored(`SELECT toString(dateDiff('millisecond', (SELECT min(crossed) FROM alert_events), min(at)))
		FROM throttle_events WHERE step = 'acknowledged'`), "the reaction can be read from the two tables")
}
