package alerts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
)

// shared runs one of several processes on the world's database.
func (w *world) shared(cfg alerts.Config, before func(*alerts.Alerts)) (r *runner, done <-chan error) {
	return w.start(cfg, alerts.Deps{Shared: true}, before)
}

func (r *runner) leads() bool { return r.gauge("tollkeeper_alerts_leads") == 1 }

// Of two processes one acts. What it does is done once, and when it stops the other one goes on where it was.
func TestOneOfTwoActs(t *testing.T) {
	w := newWorld(t)
	hurry := func(a *alerts.Alerts) { a.Hurry(20 * time.Second) }
	first, firstDone := w.shared(throttling(w), hurry)
	w.eventually(first.leads)
	second, secondDone := w.shared(throttling(w), hurry)
	w.eventually(func() bool { return second.a.Ready(t.Context()) == nil })
	require.False(t, second.leads(), "it stands by, and is ready to")

	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	first.settle()
	require.Equal(t, []string{"acme-hour acme firing"}, w.states())
	require.Equal(t, uint64(1), w.limiter.State(gateway.Tenant("acme")).Sequence)
	require.False(t, second.leads())

	first.stop()
	require.NoError(t, <-firstDone)
	w.eventually(second.leads)
	second.settle()
	require.Equal(t, []string{"acme-hour acme firing"}, w.states(), "the episode goes on, nothing is told twice")
	w.pass(15 * time.Second)
	w.eventually(func() bool { return w.limiter.State(gateway.Tenant("acme")).Sequence == 2 })
	second.stop()
	require.NoError(t, <-secondDone)
}

// A process that hangs loses the lead. When it goes on it ends, and says why.
func TestWhoHangsLosesTheLead(t *testing.T) {
	w := newWorld(t)
	var gate *alerts.Gate
	first, firstDone := w.shared(throttling(w), func(a *alerts.Alerts) {
		a.Hurry(4 * time.Second)
		gate = a.Gate()
	})
	w.eventually(first.leads)
	w.calls(twoTenants...)
	w.awaitStep("acme acknowledged block")
	gate.Close()
	second, secondDone := w.shared(throttling(w), func(a *alerts.Alerts) { a.Hurry(4 * time.Second) })
	w.eventually(second.leads)
	w.eventually(func() bool {
		err := first.a.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "this process doesn't lead")
	})
	gate.Open()
	var err error
	w.eventually(func() bool {
		select {
		case err = <-firstDone:
			return true
		default:
			return false
		}
	})
	require.ErrorContains(t, err, "this process doesn't lead any more")
	second.settle()
	require.Equal(t, []string{"acme-hour acme firing"}, w.states())
	second.stop()
	require.NoError(t, <-secondDone)
}

// The database's own part: a claim that has lapsed isn't renewed, one that hasn't is, and one that was ended stays so.
func TestClaimsInTheDatabase(t *testing.T) {
	w := newWorld(t)
	claims := alerts.NewClaims(w.conn)
	one, other := claims.Claim(t), claims.Claim(t)
	all := claims.All(t)
	require.Len(t, all, 2)
	require.GreaterOrEqual(t, all[one].Age, all[other].Age)
	require.NotEmpty(t, all[one].Host)
	claims.Renew(t, one, time.Hour)
	require.Less(t, claims.All(t)[one].Seen, claims.All(t)[one].Age)
	claims.Renew(t, other, 0)
	all = claims.All(t)
	require.Equal(t, all[other].Seen, all[other].Age, "nothing was written")
	claims.Leave(t, one)
	all = claims.All(t)
	require.True(t, all[one].Gone)
	require.False(t, all[other].Gone)
	require.NoError(t, w.conn.Exec(t.Context(), "OPTIMIZE TABLE alert_leads FINAL"))
	merged := claims.All(t)
	require.True(t, merged[one].Gone)
	require.GreaterOrEqual(t, merged[one].Age, all[one].Age, "merged, it was claimed when it was")
	ahead := uuid.New()
	require.NoError(t, w.conn.Exec(t.Context(), "INSERT INTO alert_leads (holder, host, claimed, seen, gone) VALUES (?, 'ahead', now64(6) + 3000, now64(6) + 3600, false)", ahead))
	require.False(t, claims.All(t)[ahead].Gone)
	third := claims.Claim(t)
	all = claims.All(t)
	require.True(t, all[ahead].Gone, "the server's clock was set back since it was renewed")
	require.False(t, all[third].Gone)
	require.False(t, all[other].Gone)
}
