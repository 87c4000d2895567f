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

// client talks to the world's gateway as `tollkeeper alerts release` does.
func (w *world) client() *gateway.Client {
	w.t.Helper()
	c, err := gateway.NewClient(w.config().Throttle.Gateway, w.clock)
	require.NoError(w.t, err)
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) releaseByHand(g alerts.Throttler) (gateway.Ack, error) {
	return alerts.ReleaseByHand(context.Background(), w.url, g, "acme", "ann@example.com", "agreed with the customer", w.clock)
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

	_, err := alerts.ReleaseByHand(context.Background(), w.url, w.client(), "acme", "alerts", "x", w.clock)
	require.ErrorContains(t, err, "who you are")
	ack, err := w.releaseByHand(w.client())
	require.NoError(t, err)
	require.True(t, ack.Applied)
	require.False(t, w.limiter.State("acme").InForce)

	w.pass(11 * time.Second) // a renewal is due, with the very sequence of the release
	w.awaitStep("acme failed block")
	for range 5 { // and would be tried again
		w.pass(cfg.Throttle.RetryAfter)
		r.settle()
		require.False(t, w.limiter.State("acme").InForce)
	}
	require.Equal(t, []string{"acme ordered block", "acme acknowledged block", "acme ordered block", "acme failed block"}, w.steps(),
		"the renewal isn't said to be acknowledged")
	require.Contains(t, w.stored("SELECT answer FROM throttle_events WHERE step = 'failed'")[0], "the gateway holds sequence 2 (release, manual)")
	r.stop()

	again := w.run(cfg) // and a restart doesn't forget it
	w.pass(30 * time.Second)
	w.calls(call{"globex", "0.01", 0, ""})
	again.settle()
	require.False(t, w.limiter.State("acme").InForce)
	require.Equal(t, []string{"ann@example.com 2: agreed with the customer"}, w.releases())
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
		_, err := w.limiter.Apply(gateway.Command{Tenant: "acme", Level: gateway.Block, Sequence: w.limiter.State("acme").Sequence + 1,
			Issued: now, Expires: now.Add(time.Minute), Rule: "acme-hour", Episode: episode})
		require.NoError(t, err)
	}
	block()
	once := block
	ack, err := w.releaseByHand(overtaker{w.client(), func() { once(); once = func() {} }})
	require.NoError(t, err)
	require.True(t, ack.Applied)
	require.Equal(t, gateway.Release, w.limiter.State("acme").Level)
	require.Equal(t, []string{"ann@example.com 3: agreed with the customer"}, w.releases())
	require.Equal(t, []string{episode}, w.stored("SELECT toString(episode) FROM throttle_events WHERE step = 'released'"))

	block()
	_, err = w.releaseByHand(overtaker{w.client(), block}) // a controller gone wild
	require.ErrorContains(t, err, `"acme" is not released: the gateway holds sequence`)
	require.ErrorContains(t, err, "block, acme-hour")
	require.True(t, w.limiter.State("acme").InForce)
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
		require.False(t, w.limiter.State("acme").InForce, "the other threshold's episode doesn't throttle in its place")
	}
	r.stop()
	again := w.run(cfg)
	again.settle()
	w.pass(11 * time.Second)
	again.settle()
	require.False(t, w.limiter.State("acme").InForce)
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
	require.Equal(t, uint64(2), w.limiter.State("acme").Sequence)
	require.True(t, w.limiter.State("acme").InForce)
}
