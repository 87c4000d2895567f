package tenantlimit

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// crowded is a limiter whose table is full of tenants that are sending, so that all further ones share buckets.
// busy is what they send in a second.
func crowded(t *testing.T, change func(*Config)) (b *bench, busy func()) {
	b = newBench(t, func(c *Config) {
		c.MaxTenants = 3
		if change != nil {
			change(c)
		}
	})
	b.table.overflow.seed = 1 // one draw of the buckets, whatever the run
	send := func(n int) {
		for i := range 3 {
			require.NoError(t, b.send(spans(ptrace.NewTraces(), fmt.Sprint("busy ", i), n)))
		}
	}
	send(100)
	busy = func() { send(10) }
	require.EqualValues(t, 3, b.table.size())
	return b, busy
}

// Floods among the tenants for whom the table has no room get what a tenant may send, and no more; the others beside them never wait.
func TestAFloodAmongTheRestLeavesTheOthersTheirs(t *testing.T) {
	for _, floods := range []int{1, 10} {
		b, busy := crowded(t, nil)
		taken := 0
		const seconds = 60
		for range seconds {
			for range 20 { // each of them tries twenty times as often as its limit allows
				for i := range floods {
					if b.send(spans(ptrace.NewTraces(), fmt.Sprint("flood ", i), 10)) == nil {
						taken += 10
					}
				}
			}
			for i := range 200 {
				require.NoError(t, b.send(spans(ptrace.NewTraces(), fmt.Sprint("quiet ", i), 2)), "tenant %d beside %d floods", i, floods)
			}
			b.at = b.at.Add(time.Second)
			busy()
		}
		require.LessOrEqual(t, taken, floods*(100+10*seconds), "a burst and the rate, though it has two buckets")
		require.GreaterOrEqual(t, taken, floods*10*(seconds-20), "about its rate")
		require.EqualValues(t, 3, b.table.size())
	}
}

// What a shared bucket's tenants have in flight is bounded as their tokens are: a flood of slow requests leaves the others' places.
func TestAFloodOfSlowRequestsAmongTheRest(t *testing.T) {
	b, _ := crowded(t, func(c *Config) { c.MaxInFlight = 2 })
	held := make([]share, 0, 102)
	take := func(tenant string) string {
		s := []share{{tenant: tenant, spans: 1}}
		b.table.admit(s, b.at)
		held = append(held, s[0])
		return s[0].reason
	}
	require.Empty(t, take("flood"))
	require.Empty(t, take("flood"))
	require.Equal(t, overInFlight, take("flood"))
	for i := range 100 {
		require.Empty(t, take(fmt.Sprint("quiet ", i)))
	}
	b.table.end(held, true)
	require.Empty(t, take("flood"), "its places are free again")
	b.table.end(held[len(held)-1:], true)
	for _, bucket := range b.table.overflow.buckets {
		require.True(t, bucket == nil || bucket.waiting == 0)
	}
}

// A request that what comes next doesn't take gives back what it took, and not more.
func TestWhatIsGivenBackWasTaken(t *testing.T) {
	b, _ := crowded(t, nil)
	first, second := b.table.overflow.of("shop", b.at)
	require.NotNil(t, second)
	first.spanTokens, second.spanTokens = 3, 50
	s := []share{{tenant: "shop", spans: 20}}
	refused, _ := b.table.admit(s, b.at)
	require.Zero(t, refused)
	require.InDelta(t, 0, first.spanTokens, 0, "what it had: it didn't let the request through")
	require.InDelta(t, 30, second.spanTokens, 0)
	b.table.end(s, false)
	require.InDelta(t, 3, first.spanTokens, 0)
	require.InDelta(t, 50, second.spanTokens, 0)
}
