package gateway_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// crowdOf plays one flooding and nine quiet tenants for a minute of a hand-turned clock, and returns what each got of what
// it asked for. A call is charged half a second after it was admitted.
func crowdOf(t *testing.T, l *gateway.Limiter, c *clock, tokens int64, usd ledger.Money) (quiet []float64, flood int) {
	rng := rand.New(rand.NewPCG(1, 2))
	asked, got := map[string]int{}, map[string]int{}
	type answer struct {
		at     time.Time
		tenant string
	}
	var inFlight []answer
	ask := func(tenant string) {
		asked[tenant]++
		if d := l.Allow(gateway.Tenant(tenant)); !d.Refused {
			got[tenant]++
			inFlight = append(inFlight, answer{c.Now().Add(500 * time.Millisecond), tenant})
		} else {
			require.True(t, d.Shared)
			require.Positive(t, d.RetryAfter)
		}
	}
	for range 60_000 {
		c.pass(time.Millisecond)
		for len(inFlight) > 0 && !inFlight[0].at.After(c.Now()) {
			l.Charge(gateway.Tenant(inFlight[0].tenant), tokens, usd)
			inFlight = inFlight[1:]
		}
		ask("flood") // ten times what there is for everybody
		for i := range 9 {
			if rng.Float64() < 0.005 { // five a second each, as they come: 45 of the 100 that there are
				ask(fmt.Sprint("quiet", i))
			}
		}
	}
	for i := range 9 {
		q := fmt.Sprint("quiet", i)
		quiet = append(quiet, float64(got[q])/float64(asked[q]))
	}
	return quiet, got["flood"]
}

func TestAFloodLeavesTheQuietAlone(t *testing.T) {
	for name, tc := range map[string]struct {
		limits gateway.Limits
		tokens int64
		usd    ledger.Money
	}{
		"requests": {gateway.Limits{Per: time.Second, Requests: 100}, 900, ledger.USD / 100},
		"tokens":   {gateway.Limits{Per: time.Second, Tokens: 90_000}, 900, ledger.USD / 100},
		"usd":      {gateway.Limits{Per: time.Second, USD: ledger.USD}, 900, ledger.USD / 100},
		"all":      {gateway.Limits{Per: time.Second, Requests: 100, Tokens: 90_000, USD: ledger.USD}, 900, ledger.USD / 100},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			// A burst of a tenth of a second: ten calls, above what five a second bring together by chance.
			shared, err := gateway.NewShared(gateway.SharedOptions{Limits: tc.limits, Burst: 100 * time.Millisecond})
			require.NoError(t, err)
			l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now, Shared: shared})
			quiet, flood := crowdOf(t, l, c, tc.tokens, tc.usd)
			for i, part := range quiet {
				require.GreaterOrEqual(t, part, 0.95, "quiet%d", i)
			}
			require.Greater(t, flood, 60*50, "the flood gets what the quiet leave")
		})
	}
}

func TestFloodsShareByWeight(t *testing.T) {
	c := newClock()
	shared, err := gateway.NewShared(gateway.SharedOptions{Limits: gateway.Limits{Per: time.Second, Requests: 100},
		Weight: func(tenant string) int { return map[string]int{"gold": 3, "silver": 1, "idle": 5}[tenant] }})
	require.NoError(t, err)
	got := map[string]int{}
	for range 100_000 {
		c.pass(time.Millisecond)
		for _, tenant := range []string{"gold", "silver"} {
			if limit, _ := shared.Admit(tenant, c.Now()); limit == "" {
				got[tenant]++
			}
		}
	}
	require.InDelta(t, 7500, got["gold"], 40, "the idle tenant's part is used too")
	require.InDelta(t, 2500, got["silver"], 40)
}

// In any run, no more is admitted than the limit gives and one burst each; and while somebody is refused, nothing that the
// limit gives is left.
func TestSharedLimitIsKeptAndUsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		begin := c.Now()
		tenants := rapid.IntRange(1, 5).Draw(t, "tenants")
		weights := rapid.SliceOfN(rapid.IntRange(1, 9), tenants, tenants).Draw(t, "weights")
		limit := rapid.Int64Range(1, 1000).Draw(t, "limit")
		shared, err := gateway.NewShared(gateway.SharedOptions{Limits: gateway.Limits{Per: time.Second, Requests: limit},
			Weight: func(tenant string) int { return weights[tenant[0]-'a'] }})
		require.NoError(t, err)
		admitted := 0
		burst := 0.0
		for _, w := range weights {
			burst += float64(w) * max(1, float64(limit)/20)
		}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			c.pass(time.Duration(rapid.IntRange(0, 50_000).Draw(t, "µs")) * time.Microsecond)
			tenant := string(rune('a' + rapid.IntRange(0, tenants-1).Draw(t, "tenant")))
			for range rapid.IntRange(1, 20).Draw(t, "asks") {
				if l, wait := shared.Admit(tenant, c.Now()); l == "" {
					admitted++
				} else {
					require.Positive(t, wait)
				}
			}
			given := float64(limit) * c.Now().Sub(begin).Seconds()
			require.LessOrEqual(t, float64(admitted), given+burst+1e-6)
		}
	})
}

func TestSharedLimitTellsOnlySoManyTenantsApart(t *testing.T) {
	c := newClock()
	shared, err := gateway.NewShared(gateway.SharedOptions{Limits: gateway.Limits{Per: time.Second, Requests: 100}, MaxTenants: 10})
	require.NoError(t, err)
	admitted := 0
	for i := range 1000 { // a thousand names at once, at most eleven bursts
		for range 10 {
			if limit, _ := shared.Admit(fmt.Sprint("t", i), c.Now()); limit == "" {
				admitted++
			}
		}
	}
	require.LessOrEqual(t, admitted, 11*5)
	c.pass(time.Minute)
	limit, _ := shared.Admit("t999", c.Now())
	require.Empty(t, limit)
}

func TestSharedLimitsThatMakeNoSense(t *testing.T) {
	for _, o := range []gateway.SharedOptions{
		{},
		{Limits: gateway.Limits{Per: time.Second}},
		{Limits: gateway.Limits{Per: time.Second, Requests: 1}, Burst: time.Hour},
		{Limits: gateway.Limits{Per: time.Second, Requests: 1 << 62}},
		{Limits: gateway.Limits{Per: time.Second, Requests: 1}, MaxTenants: -1},
	} {
		_, err := gateway.NewShared(o)
		require.Error(t, err)
	}
}

// The limiter on the path of every request: no command, one in force, and a shared limit with a thousand tenants.
func BenchmarkAllow(b *testing.B) {
	c := newClock()
	for name, tenants := range map[string]int{"no command": 0, "a command": 1, "shared, 1000 tenants": 1000} {
		b.Run(name, func(b *testing.B) {
			opts := gateway.LimiterOptions{Now: c.Now}
			names := []string{"acme"}
			if tenants > 1 {
				shared, err := gateway.NewShared(gateway.SharedOptions{Limits: gateway.Limits{Per: time.Second, Requests: 1_000_000}})
				require.NoError(b, err)
				opts.Shared = shared
				names = nil
				for i := range tenants {
					names = append(names, fmt.Sprint("t", i))
				}
			}
			l := gateway.NewLimiter(opts)
			if tenants == 1 {
				_, err := l.Apply(command(c, 1, gateway.Slow, gateway.Limits{Per: time.Second, Requests: 1_000_000, Tokens: 1 << 40}))
				require.NoError(b, err)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i++; i%1000 == 0 {
					c.pass(time.Millisecond)
				}
				l.Allow(gateway.Tenant(names[i%len(names)]))
			}
		})
	}
}
