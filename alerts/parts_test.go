package alerts_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// A team whose calls come in sessions, in a tenant whose calls don't: its own spend says how coarse it is.
func TestSessionsOfATeamAreNoSpike(t *testing.T) {
	start := time.Date(2026, 10, 18, 0, 0, 0, 0, time.UTC)
	judged := start.AddDate(0, 0, 7)
	end := judged.AddDate(0, 0, 1)
	r := rand.New(rand.NewPCG(1, 2))
	var points []alerts.Point
	for at := start; at.Before(end); at = at.Add(time.Minute) {
		points = append(points, alerts.Point{At: at, Tenant: "acme", Labels: map[string]string{"team": "web"}, Spend: ledger.SumOf(2 * ledger.USD), Calls: 200})
		if r.IntN(20) == 0 { // three sessions an hour, of twenty calls within a minute
			at = at.Add(time.Duration(r.IntN(30)) * time.Second).Truncate(time.Second)
			points = append(points, alerts.Point{At: at, Tenant: "acme", Labels: map[string]string{"team": "batch"}, Spend: ledger.SumOf(2 * ledger.USD), Calls: 20})
			at = at.Truncate(time.Minute)
		}
	}
	cfg := alerts.DefaultConfig()
	cfg.Spikes = []alerts.Spike{{Name: "spike", By: "team"}}
	cfg.Shares, cfg.Silences, cfg.Limits, cfg.Runaways = nil, nil, nil, nil
	sim, err := alerts.Simulate(cfg, alerts.NewTape(points), judged)
	require.NoError(t, err)
	require.NoError(t, sim.Run(t.Context(), judged, end, time.Minute))
	for _, f := range sim.Fired() {
		require.NotEqual(t, "spike", f.Rule, f.Summary)
	}
}
