package alerts_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func spike(t *testing.T) alerts.Spike {
	return alerts.Spike{Name: "spike", Window: 10 * time.Second, Factor: usd(t, "4"), ClearFactor: usd(t, "2"), MinPerHour: usd(t, "3.6"),
		Trailing: time.Minute, MinTrailing: 20 * time.Second, ClearAfter: 5 * time.Second}
}

func TestSpikeFiresThrottlesAndReleases(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	s := spike(t)
	s.Throttle = &alerts.Policy{Level: gateway.Slow, Per: time.Minute, Requests: 60}
	cfg.Spikes = []alerts.Spike{s}
	cfg.Throttle.Enforce, cfg.Throttle.EnforceSpikes = []string{"acme"}, []string{"acme"}
	w.spend("acme", "0.01", time.Minute)
	w.spend("globex", "0.01", time.Minute)
	r := w.run(cfg)
	for range 5 {
		w.live(time.Second, map[string]string{"acme": "0.03", "globex": "0.01"}) // three times the usual: not enough
		r.once()
	}
	require.Empty(t, w.states())

	for range 4 {
		w.live(time.Second, map[string]string{"acme": "0.2", "globex": "0.01"})
		r.once()
	}
	w.awaitStep("acme acknowledged slow")
	require.Equal(t, []string{"spike acme firing"}, w.states())
	e := w.lastAlert()
	require.Contains(t, e.Summary, "before: less than 72h0m0s of history", "it says what it was compared with")
	require.Contains(t, e.Detail, `"baseline_usd":"0.`)
	require.True(t, w.limiter.State(gateway.Tenant("acme")).InForce)

	for range 30 { // throttled: spend is back to the usual
		w.live(time.Second, map[string]string{"acme": "0.01", "globex": "0.01"})
		r.once()
	}
	w.awaitStep("acme released release")
	require.Equal(t, []string{"spike acme firing", "spike acme resolved"}, w.states())
	require.Contains(t, w.steps(), "acme effective slow")
	require.False(t, w.limiter.State(gateway.Tenant("acme")).InForce)

	answers := w.stored(`SELECT concat(step, ' ', toString(sequence)) FROM throttle_events WHERE step NOT IN ('effective') ORDER BY sequence, at, indexOf(['ordered', 'acknowledged', 'released'], step)`)
	require.Equal(t, "ordered 1", answers[0])
	require.Equal(t, "released", answers[len(answers)-1][:8])
}

func TestSpikeNeedsBothTestsAndSomeHistory(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Spikes = []alerts.Spike{spike(t)}
	w.spend("small", "0.00001", time.Minute)
	w.spend("steady", "0.05", time.Minute)
	r := w.run(cfg)
	for range 12 {
		// small: a hundred times the usual, but 3.59 USD an hour; steady: 180 USD an hour as always; new: no history.
		w.live(time.Second, map[string]string{"small": "0.00099", "steady": "0.05", "new": "3"})
		r.once()
	}
	require.Empty(t, w.states())
}

func TestSpikeAgainstHistory(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Spikes = []alerts.Spike{spike(t)}
	// On each of five days 36 USD in the hour of 10:00 and one in every other: one USD in ten seconds is ten times the usual
	// of this hour, 0.3 isn't a spike though it is many times the minute before.
	ctx := context.Background()
	for day := 28; day <= 32; day++ {
		date := time.Date(2026, 10, day, 0, 0, 0, 0, time.UTC)
		for hour := range 24 {
			at := date.Add(time.Duration(hour) * time.Hour)
			if !at.Before(w.clock().Truncate(time.Hour)) {
				break
			}
			cost := 1
			if hour == 10 {
				cost = 36
			}
			require.NoError(t, w.conn.Exec(ctx, fmt.Sprintf(`INSERT INTO cost_hour (window, n, worker, tenant, calls, cost) VALUES ('%s', 1, 1, 'acme', 1000, %d)`, at.Format(time.DateTime), cost)))
			require.NoError(t, w.conn.Exec(ctx, fmt.Sprintf(`INSERT INTO window_revisions (level, window, n, worker, committed) VALUES ('hour', '%s', 1, 1, 1)`, at.Format(time.DateTime))))
		}
	}
	w.spend("acme", "0.001", time.Minute)
	r := w.run(cfg)
	w.live(10*time.Second, map[string]string{"acme": "0.03"})
	r.settle()
	require.Empty(t, w.states())
	w.live(10*time.Second, map[string]string{"acme": "0.1"})
	w.awaitState("spike acme firing")
	require.Contains(t, w.lastAlert().Summary, "4.00 times 36.00 USD in 1h0m0s, the median of this hour of working days on 3 days")
}

func TestSpikeHysteresis(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Spikes = []alerts.Spike{spike(t)}
	w.spend("acme", "0.01", time.Minute)
	r := w.run(cfg)
	w.live(10*time.Second, map[string]string{"acme": "0.1"})
	w.awaitState("spike acme firing")
	for range 12 { // between the two factors it neither fires again nor resolves, however long
		w.live(time.Second, map[string]string{"acme": "0.03"})
		r.once()
	}
	for i := range 24 { // dips shorter than clear_after don't count
		cost := "0.001"
		if i%12 >= 6 {
			cost = "0.1"
		}
		w.live(time.Second, map[string]string{"acme": cost})
		r.once()
	}
	require.Equal(t, []string{"spike acme firing"}, w.states())
	for range 20 {
		w.live(time.Second, map[string]string{"acme": "0.01"})
		r.once()
	}
	require.Equal(t, []string{"spike acme firing", "spike acme resolved"}, w.states())
}

func TestSpikeThatComesBackIsHeldLonger(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Spikes = []alerts.Spike{spike(t)}
	w.spend("acme", "0.01", time.Minute)
	r := w.run(cfg)
	quiet := func(seconds int) (resolved int) {
		before := len(w.states())
		for i := range seconds {
			w.live(time.Second, map[string]string{"acme": "0.01"})
			r.once()
			if len(w.states()) > before && resolved == 0 {
				resolved = i + 1
			}
		}
		return resolved
	}
	w.live(10*time.Second, map[string]string{"acme": "0.2"})
	w.awaitState("spike acme firing")
	first := quiet(22)
	r.stop() // a restart remembers
	r = w.run(cfg)
	r.settle()
	w.live(10*time.Second, map[string]string{"acme": "0.9"})
	w.eventually(func() bool { return len(w.states()) == 3 })
	second := quiet(27)
	require.Equal(t, first+5, second, "ten seconds clear instead of five")
}

// How coarse a tenant's spend was is read from the minutes of the ledger, exactly: what the same amounts give in Go.
func TestGrainOfTheLedger(t *testing.T) {
	w := newWorld(t)
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	cells := map[string][]ledger.Sum{"": make([]ledger.Sum, 144), "acme": make([]ledger.Sum, 144), "globex": make([]ledger.Sum, 144)}
	calls := make([]ledger.Sum, 144)
	for i, spent := range []struct {
		tenant string
		minute int
		usd    string
		n      int64
	}{{"acme", 0, "0.4", 20}, {"acme", 7, "0.000000000001", 1}, {"acme", 11, "0.35", 17}, {"acme", 800, "1", 2}, {"globex", 801, "3", 1}, {"acme", 1439, "0.4", 20}} {
		at := day.Add(time.Duration(spent.minute) * time.Minute).Format(time.DateTime)
		require.NoError(t, w.conn.Exec(t.Context(), fmt.Sprintf(`INSERT INTO cost_minute (window, n, worker, tenant, calls, cost) VALUES ('%s', %d, 1, '%s', %d, %s)`, at, i+1, spent.tenant, spent.n, spent.usd)))
		require.NoError(t, w.conn.Exec(t.Context(), fmt.Sprintf(`INSERT INTO window_revisions (level, window, n, worker, committed) VALUES ('minute', '%s', %d, 1, 1)`, at, i+1)))
		sum, err := ledger.ParseSum(spent.usd)
		require.NoError(t, err)
		cell := spent.minute / 10
		cells[spent.tenant][cell] = cells[spent.tenant][cell].Add(sum)
		cells[""][cell] = cells[""][cell].Add(sum)
		if spent.tenant == "acme" {
			calls[cell] = calls[cell].Add(ledger.SumOf(ledger.Money(spent.n)))
		}
	}
	got, err := alerts.Grains(t.Context(), w.conn, day)
	require.NoError(t, err)
	require.Len(t, got, 3)
	for tenant, c := range cells {
		want, err := detect.DispersionOf(c).Grain()
		require.NoError(t, err)
		require.Equal(t, want, got[tenant][0], "spend of %q", tenant)
	}
	want, err := detect.DispersionOf(calls).Grain()
	require.NoError(t, err)
	require.Equal(t, want, got["acme"][1])
}
