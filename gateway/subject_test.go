package gateway_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clocktest"
)

func TestPartOfATenant(t *testing.T) {
	c := newClock()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	red := gateway.Subject{Tenant: "acme", Team: "red"}
	cmd := command(c, 1, gateway.Block, gateway.Limits{})
	cmd.Subject = red
	require.True(t, mustApply(t, l, cmd).Applied)

	require.True(t, l.Allow(gateway.Subject{Tenant: "acme", Team: "red", Model: "gpt-5", User: "ann"}).Refused)
	require.False(t, l.Allow(gateway.Subject{Tenant: "acme", Team: "blue"}).Refused)
	require.False(t, l.Allow(gateway.Tenant("acme")).Refused, "a caller whose team isn't known isn't the team's")
	require.False(t, l.Allow(gateway.Subject{Tenant: "globex", Team: "red"}).Refused)
	require.True(t, l.State(red).InForce)
	require.Zero(t, l.State(gateway.Tenant("acme")).Sequence, "the whole tenant has a state of its own")

	whole := command(c, 1, gateway.Slow, gateway.Limits{Per: time.Minute, Requests: 10})
	require.True(t, mustApply(t, l, whole).Applied, "sequences are a subject's own")
	require.False(t, l.Allow(gateway.Subject{Tenant: "acme", Team: "blue"}).Refused)
	require.True(t, l.Allow(gateway.Subject{Tenant: "acme", Team: "green"}).Refused, "the pace is the whole tenant's")
	require.Equal(t, int64(2), l.State(gateway.Tenant("acme")).Seen)
}

func TestARefusedRequestIsTakenFromNoLimit(t *testing.T) {
	c := newClock()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	mustApply(t, l, command(c, 1, gateway.Cap, gateway.Limits{Per: time.Minute, Requests: 2}))
	red := command(c, 1, gateway.Block, gateway.Limits{})
	red.Team = "red"
	mustApply(t, l, red)
	for range 5 {
		require.True(t, l.Allow(red.Subject).Refused)
	}
	blue := gateway.Subject{Tenant: "acme", Team: "blue"}
	require.False(t, l.Allow(blue).Refused)
	require.False(t, l.Allow(blue).Refused)
	require.True(t, l.Allow(blue).Refused)
}

func TestStateOfAPartIsReadBack(t *testing.T) {
	c, secret := newClock(), gateway.NewSecret()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	h, err := l.WebhookHandler([]string{secret})
	require.NoError(t, err)
	client := newClient(t, c, serve(t, h), []string{secret}, nil)
	cmd := command(c, 3, gateway.Block, gateway.Limits{})
	cmd.Subject = gateway.Subject{Tenant: "a&b=c", Team: "red é", Key: "sha:1", User: "ann@example.com", Model: "openai/gpt-5"}
	ack, err := client.Send(context.Background(), cmd)
	require.NoError(t, err)
	require.True(t, ack.Proved)
	s, err := client.State(context.Background(), cmd.Subject)
	require.NoError(t, err)
	require.Equal(t, cmd.Subject, s.Subject)
	require.True(t, s.InForce)

	// A signature for one subject doesn't open another's state.
	keys, err := gateway.NewKeys([]string{secret})
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/?tenant=globex", nil)
	require.NoError(t, keys.Sign(r.Header, "m1", c.Now(), gateway.StatePayload(gateway.Tenant("acme"))))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusUnauthorized, w.Code)
}

// What the limiter finds by sets of parts is what Covers says.
func TestFindsEveryCommandThatCoversTheCaller(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"", "a", "b"})
		subject := rapid.Custom(func(t *rapid.T) gateway.Subject {
			return gateway.Subject{Tenant: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "tenant"), Team: word.Draw(t, "team"), Key: word.Draw(t, "key"),
				User: word.Draw(t, "user"), Model: word.Draw(t, "model")}
		})
		c := newClock()
		l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
		commands := rapid.SliceOfN(subject, 0, 6).Draw(t, "commands")
		for i, s := range commands {
			cmd := command(c, uint64(i+1), gateway.Block, gateway.Limits{})
			cmd.Subject = s
			_, err := l.Apply(cmd)
			require.NoError(t, err)
		}
		caller := subject.Draw(t, "caller")
		want := false
		for _, s := range commands {
			want = want || s.Covers(caller)
		}
		require.Equal(t, want, l.Allow(caller).Refused)
	})
}

// A receiver whose clock is behind the sender's doesn't lengthen the lease: it lasts as long as it was ordered to.
func TestSkewedClockDoesNotLengthenTheLease(t *testing.T) {
	c := newClock()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	cmd := command(c, 1, gateway.Block, gateway.Limits{})
	cmd.Issued, cmd.Expires = cmd.Issued.Add(4*time.Minute), cmd.Expires.Add(4*time.Minute) // the sender is four minutes ahead
	mustApply(t, l, cmd)
	require.True(t, l.Allow(gateway.Tenant("acme")).Refused)
	c.pass(time.Minute)
	require.False(t, l.Allow(gateway.Tenant("acme")).Refused)
	require.False(t, l.State(gateway.Tenant("acme")).InForce)
}

// A clock that is set while a lease runs, here or at both ends, neither ends it nor makes it last.
func TestALeaseLastsThoughTheClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{-24 * time.Hour, time.Hour} {
		c := newClock()
		c.now = clocktest.Reading(c.now)
		l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
		mustApply(t, l, command(c, 1, gateway.Block, gateway.Limits{}))
		c.now = clocktest.Set(c.now, by)
		c.pass(59 * time.Second)
		require.True(t, l.Allow(gateway.Tenant("acme")).Refused, "set by %s", by)
		c.pass(time.Second)
		require.False(t, l.Allow(gateway.Tenant("acme")).Refused, "set by %s", by)
	}
}
