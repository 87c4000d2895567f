package alerts_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
)

// client talks to the world's gateway as `tollkeeper throttle release` does.
func (w *world) client() *gateway.Client {
	w.t.Helper()
	c, err := gateway.NewClient(w.config().Throttle.Gateway, w.clock)
	require.NoError(w.t, err)
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) releaseByHand(g alerts.Throttler) (gateway.Ack, error) {
	return w.hand(g).Release(context.Background(), gateway.Tenant("acme"))
}

func (w *world) hand(g alerts.Throttler) *alerts.Hand {
	return &alerts.Hand{ClickHouse: w.url, Gateway: g, Author: "ann@example.com", Reason: "agreed with the customer", Now: w.clock}
}

// releases are the rows of releases, whoever gave them.
func (w *world) releases() []string {
	return w.stored("SELECT concat(author, ' ', toString(sequence), ': ', reason) FROM throttle_events WHERE step = 'released' ORDER BY sequence")
}

func TestReleaseByHandHoldsForTheEpisode(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	r := w.run(cfg)
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")

	nobody := w.hand(w.client())
	nobody.Author = "alerts"
	_, err := nobody.Release(context.Background(), gateway.Tenant("acme"))
	require.ErrorContains(t, err, "who you are")
	ack, err := w.releaseByHand(w.client())
	require.NoError(t, err)
	require.True(t, ack.Applied)
	require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce)

	for range 5 { // a renewal would be due
		w.pass(11 * time.Second)
		r.settle()
		require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce)
	}
	require.Equal(t, []string{"acme ordered block", "acme acknowledged block"}, w.steps(), "nothing is tried again")
	r.stop()

	again := w.run(cfg) // and a restart doesn't forget it
	w.pass(30 * time.Second)
	w.calls(call{"globex", "0.01", 0, ""})
	again.settle()
	require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce)
	require.Equal(t, []string{"ann@example.com 2: agreed with the customer"}, w.releases())
}

// A release whose row in throttle_events was never written is seen at the gateway.
func TestReleaseByHandIsSeenAtTheGateway(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Throttle.ProbeEvery = 10 * time.Minute
	r := w.run(cfg)
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	held := w.limiter.State(gateway.Tenant("acme")).Command
	now := w.clock()
	_, err := w.client().Send(context.Background(), gateway.Command{Subject: held.Subject, Level: gateway.Release, Rule: alerts.ManualRule, Episode: held.Episode,
		Sequence: held.Sequence + 1, Issued: now, Expires: now.Add(time.Minute)})
	require.NoError(t, err)
	w.pass(11 * time.Second) // a renewal is due, with the very sequence of the release
	w.awaitStep("acme failed block")
	for range 5 { // and would be tried again
		w.pass(cfg.Throttle.RetryAfter)
		r.settle()
		require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce)
	}
	require.Equal(t, []string{"acme ordered block", "acme acknowledged block", "acme ordered block", "acme failed block"}, w.steps(),
		"the renewal isn't said to be acknowledged")
	require.Contains(t, w.stored("SELECT answer FROM throttle_events WHERE step = 'failed'")[0], "the gateway holds sequence 2 (release, manual)")
}

// overtaker is a gateway to which somebody else's command comes just before each of ours.
type overtaker struct {
	alerts.Throttler
	before func()
}

func (o overtaker) Send(ctx context.Context, cmd gateway.Command) (gateway.Ack, error) {
	o.before()
	return o.Throttler.Send(ctx, cmd)
}

func TestReleaseByHandOvertakesARenewal(t *testing.T) {
	w := newWorld(t)
	episode := uuid.NewString()
	block := func() {
		now := w.clock()
		_, err := w.limiter.Apply(gateway.Command{Subject: gateway.Tenant("acme"), Level: gateway.Block, Sequence: w.limiter.State(gateway.Tenant("acme")).Sequence + 1,
			Issued: now, Expires: now.Add(time.Minute), Rule: "acme-hour", Episode: episode})
		require.NoError(t, err)
	}
	block()
	once := block
	ack, err := w.releaseByHand(overtaker{w.client(), func() { once(); once = func() {} }})
	require.NoError(t, err)
	require.True(t, ack.Applied)
	require.Equal(t, gateway.Release, w.limiter.State(gateway.Tenant("acme")).Level)
	require.Equal(t, []string{"ann@example.com 3: agreed with the customer"}, w.releases())
	require.Equal(t, []string{episode}, w.stored("SELECT toString(episode) FROM throttle_events WHERE step = 'released'"))

	block()
	_, err = w.releaseByHand(overtaker{w.client(), block}) // a controller gone wild
	require.ErrorContains(t, err, `the gateway doesn't take release of "acme": it holds sequence`)
	require.ErrorContains(t, err, "block, acme-hour")
	require.True(t, w.limiter.State(gateway.Tenant("acme")).InForce)
	require.Len(t, w.releases(), 1, "what didn't happen isn't written down")
}

func TestReleaseByHandOfAGatewayThatTellsNothing(t *testing.T) {
	w := newWorld(t)
	w.breakGateway(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			rw.WriteHeader(http.StatusMethodNotAllowed)
		}
	}))
	ack, err := w.releaseByHand(w.client())
	require.NoError(t, err, "a 2xx is taken for what it is")
	require.Zero(t, ack.State.Sequence)
	require.Equal(t, []string{"ann@example.com 1: agreed with the customer"}, w.releases())
}

func TestReleaseByHandCoversEveryEpisodeThatIsFiring(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.Budgets[0].Thresholds = []int{80, 100}
	cfg.Budgets[0].Throttle = &alerts.Policy{At: 80, Level: gateway.Block}
	r := w.run(cfg)
	w.calls(call{"acme", "0.9", time.Second, ""})
	w.awaitStep("acme acknowledged block")
	w.calls(call{"acme", "0.9", 0, ""})
	w.eventually(func() bool { return len(w.states()) == 2 })
	_, err := w.releaseByHand(w.client())
	require.NoError(t, err)
	for range 5 {
		w.pass(11 * time.Second)
		r.settle()
		require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce, "the other threshold's episode doesn't throttle in its place")
	}
	r.stop()
	again := w.run(cfg)
	again.settle()
	w.pass(11 * time.Second)
	again.settle()
	require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce)
}

func TestReleaseByHandIsNotForTheNextEpisode(t *testing.T) {
	w := newWorld(t)
	r := w.run(throttling(w))
	r.settle()
	_, err := w.releaseByHand(w.client()) // nothing is in force
	require.NoError(t, err)
	w.pass(2 * time.Second)
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	require.Equal(t, uint64(2), w.limiter.State(gateway.Tenant("acme")).Sequence)
	require.True(t, w.limiter.State(gateway.Tenant("acme")).InForce)
}
