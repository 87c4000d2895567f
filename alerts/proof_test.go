package alerts_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
)

func TestThrottleWithoutEffectEscalates(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Throttle.EscalateTo = gateway.Block
	cfg.Throttle.EffectWithin, cfg.Throttle.Lease = 15*time.Second, 10*time.Minute // a loaded machine renews slowly against this clock
	cfg.Budgets[0].Throttle = &alerts.Policy{Level: gateway.Slow, Per: time.Minute, USD: usd(t, "0.6")}
	r := w.run(cfg)
	w.spend("acme", "0.2", 20*time.Second)
	w.awaitStep("acme acknowledged slow")
	past := func(level string) { // traffic that goes past the gateway
		for range 8 {
			w.live(4*time.Second, map[string]string{"acme": "0.2"})
			r.once()
		}
		w.awaitStep("acme acknowledged " + level)
	}
	past("cap")
	w.awaitStep("acme ineffective slow")
	w.awaitState("throttle-unproved acme firing")
	r.stop()
	r = w.run(cfg) // a restart doesn't soften it
	r.settle()
	past("block")
	w.awaitStep("acme ineffective cap")
	require.Equal(t, gateway.Block, w.limiter.State(gateway.Tenant("acme")).Level)

	for range 8 { // at last all of it goes through the gateway
		w.live(4*time.Second, map[string]string{"globex": "0.01"})
		r.once()
	}
	w.awaitStep("acme effective block")
	w.awaitState("throttle-unproved acme resolved")
	require.Equal(t, []string{"block by alerts: effective"}, w.lives("tenant = 'acme'"))
	require.Equal(t, gateway.Block, w.limiter.State(gateway.Tenant("acme")).Level, "it stays as hard as it had to be")
}

func TestEscalationIsBounded(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Throttle.EffectWithin, cfg.Throttle.EscalateTo, cfg.Throttle.Lease = 15*time.Second, "", 10*time.Minute
	cfg.Budgets[0].Throttle = &alerts.Policy{Level: gateway.Slow, Per: time.Minute, USD: usd(t, "0.6")}
	r := w.run(cfg)
	w.spend("acme", "0.2", 20*time.Second)
	w.awaitStep("acme acknowledged slow")
	for range 10 {
		w.live(4*time.Second, map[string]string{"acme": "0.2"})
		r.once()
	}
	w.awaitState("throttle-unproved acme firing")
	require.Equal(t, gateway.Slow, w.limiter.State(gateway.Tenant("acme")).Level)
}

func TestCapThatIsNotUsedUpIsNotWithoutEffect(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Throttle.EffectWithin, cfg.Throttle.Lease = 15*time.Second, 10*time.Minute // a loaded machine renews slowly against this clock
	cfg.Budgets[0].Throttle = &alerts.Policy{Level: gateway.Cap, Per: time.Hour, USD: usd(t, "100")}
	r := w.run(cfg)
	w.spend("acme", "0.2", 20*time.Second)
	w.awaitStep("acme acknowledged cap")
	for range 10 { // above the cap's pace, far below its sum
		w.live(4*time.Second, map[string]string{"acme": "0.2"})
		r.once()
	}
	r.settle()
	require.NotContains(t, w.steps(), "acme ineffective cap")
	require.NotContains(t, w.steps(), "acme effective cap", "nor is it proved")
}

// The proof survives a restart: what was spent before the throttle is written down with its order.
func TestEffectIsFoundAfterARestart(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Throttle.Lease = 10 * time.Minute
	r := w.run(cfg)
	w.spend("acme", "0.2", 20*time.Second)
	w.awaitStep("acme acknowledged block")
	r.stop()
	w.live(4*time.Second, map[string]string{"globex": "0.01"})
	r = w.run(cfg)
	for range 5 {
		w.live(4*time.Second, map[string]string{"globex": "0.01"})
		r.once()
	}
	w.awaitStep("acme effective block")
}

func TestGatewayThatLosesItsState(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Throttle.Lease = time.Minute
	r := w.run(cfg)
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")

	fresh := gateway.NewLimiter(gateway.LimiterOptions{Now: w.clock}) // it restarts and knows nothing
	h, err := fresh.WebhookHandler([]string{w.secret})
	require.NoError(t, err)
	w.breakGateway(h)
	w.pass(10 * time.Second) // long before a renewal is due
	w.awaitStep("acme lost block")
	w.eventually(func() bool { return fresh.State(gateway.Tenant("acme")).InForce })
	require.Greater(t, fresh.State(gateway.Tenant("acme")).Sequence, uint64(1))
	r.settle()
	require.NotContains(t, w.states(), "throttle-unproved acme firing", "once is no reason to call people")

	amnesiac := http.HandlerFunc(func(rw http.ResponseWriter, rq *http.Request) { // takes everything, shows it once, forgets it
		l := gateway.NewLimiter(gateway.LimiterOptions{Now: w.clock})
		h, err := l.WebhookHandler([]string{w.secret})
		require.NoError(t, err)
		h.ServeHTTP(rw, rq)
	})
	w.breakGateway(amnesiac)
	for range 12 {
		w.pass(10 * time.Second)
		w.calls(call{"globex", "0.01", 0, ""})
		r.once()
	}
	w.awaitState("throttle-unproved acme firing")
}

// A receiver whose answers are old: each one is what it should have said to the request before.
func TestGatewayThatAnswersOutOfOrder(t *testing.T) {
	w := newWorld(t)
	h, err := w.limiter.WebhookHandler([]string{w.secret})
	require.NoError(t, err)
	var mu sync.Mutex
	old := map[string]string{http.MethodPost: `{"applied":true}`, http.MethodGet: `{"command":{"subject":{"tenant":"acme"},"sequence":0}}`}
	late := true
	w.breakGateway(http.HandlerFunc(func(rw http.ResponseWriter, rq *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, rq)
		mu.Lock()
		defer mu.Unlock()
		said := rec.Body.String()
		if rec.Code == http.StatusOK && late {
			said, old[rq.Method] = old[rq.Method], said
		}
		rw.WriteHeader(rec.Code)
		_, _ = io.WriteString(rw, said)
	}))
	r := w.run(throttling(w))
	w.calls(twoTenants...)
	w.awaitStep("acme failed block")
	r.settle()
	require.NotContains(t, strings.Join(w.lives("tenant = 'acme'"), " "), "effective")
	mu.Lock()
	late = false
	mu.Unlock()
	for range 4 {
		w.pass(3 * time.Second)
		r.settle()
	}
	require.True(t, w.limiter.State(gateway.Tenant("acme")).InForce)
	var newest gateway.Ack
	answers := w.stored("SELECT answer FROM throttle_events WHERE step = 'acknowledged' ORDER BY at, sequence")
	require.NoError(t, json.Unmarshal([]byte(answers[len(answers)-1]), &newest))
	require.Equal(t, w.limiter.State(gateway.Tenant("acme")).Sequence, newest.State.Sequence)
}

func TestGatewayThatNeverTakesIsTold(t *testing.T) {
	w := newWorld(t)
	w.breakGateway(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) }))
	r := w.run(throttling(w))
	w.calls(twoTenants...)
	for range 4 {
		w.awaitStep("acme failed block")
		w.pass(10 * time.Second)
		r.settle()
	}
	w.awaitState("throttle-unproved acme firing")
	require.Contains(t, w.lastAlert().Summary, "the gateway front doesn't take the throttle of acme")
	w.breakGateway(nil)
	w.pass(time.Minute)
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	w.awaitState("throttle-unproved acme resolved")
}
