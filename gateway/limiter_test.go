package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// clock is a hand-turned clock.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func command(c *clock, sequence uint64, level gateway.Level, limits gateway.Limits) gateway.Command {
	now := c.Now().Round(0) // as it comes over the wire
	return gateway.Command{
		Subject: gateway.Tenant("acme"), Level: level, Limits: limits, Reason: "spend is 12 times the usual", Rule: "spike",
		Episode: "e1", Sequence: sequence, Issued: now, Expires: now.Add(time.Minute),
	}
}

func mustApply(t *testing.T, l *gateway.Limiter, cmd gateway.Command) gateway.Ack {
	t.Helper()
	ack, err := l.Apply(cmd)
	require.NoError(t, err)
	return ack
}

func TestBlockRefusesUntilTheLeaseRunsOut(t *testing.T) {
	c := newClock()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	require.False(t, l.Allow(gateway.Tenant("acme")).Refused)
	mustApply(t, l, command(c, 1, gateway.Block, gateway.Limits{}))

	d := l.Allow(gateway.Tenant("acme"))
	require.True(t, d.Refused)
	require.Equal(t, time.Minute, d.RetryAfter)
	require.False(t, l.Allow(gateway.Tenant("globex")).Refused, "another tenant")

	c.pass(time.Minute) // no controller says anything
	require.False(t, l.Allow(gateway.Tenant("acme")).Refused)
	require.False(t, l.State(gateway.Tenant("acme")).InForce)
	require.Equal(t, int64(1), l.State(gateway.Tenant("acme")).Refused)
}

func TestStaleCommandsAreAcknowledgedAndIgnored(t *testing.T) {
	c := newClock()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	block := command(c, 5, gateway.Block, gateway.Limits{})
	require.True(t, mustApply(t, l, block).Applied)
	require.True(t, mustApply(t, l, command(c, 6, gateway.Release, gateway.Limits{})).Applied)

	for _, late := range []gateway.Command{block, command(c, 6, gateway.Block, gateway.Limits{})} {
		ack := mustApply(t, l, late)
		require.False(t, ack.Applied)
		require.Equal(t, "stale sequence", ack.Ignored)
		require.Equal(t, gateway.Release, ack.State.Level)
	}
	require.False(t, l.Allow(gateway.Tenant("acme")).Refused)
}

func TestRefusedCommands(t *testing.T) {
	c := newClock()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now, MaxSubjects: 1, MaxLease: 10 * time.Minute})
	expired := command(c, 1, gateway.Block, gateway.Limits{})
	c.pass(time.Minute)
	_, err := l.Apply(expired)
	require.ErrorIs(t, err, gateway.ErrExpired)

	long := command(c, 1, gateway.Block, gateway.Limits{})
	long.Expires = long.Issued.Add(11 * time.Minute)
	_, err = l.Apply(long)
	require.ErrorIs(t, err, gateway.ErrLease)

	ahead := command(c, 1, gateway.Block, gateway.Limits{})
	ahead.Issued, ahead.Expires = ahead.Issued.Add(time.Hour), ahead.Expires.Add(time.Hour)
	_, err = l.Apply(ahead)
	require.ErrorIs(t, err, gateway.ErrLease, "a clock far ahead doesn't lengthen the lease")

	mustApply(t, l, command(c, 1, gateway.Block, gateway.Limits{}))
	other := command(c, 1, gateway.Block, gateway.Limits{})
	other.Tenant = "globex"
	_, err = l.Apply(other)
	require.ErrorIs(t, err, gateway.ErrFull)

	c.pass(11 * time.Minute) // acme's command can't matter any more
	other = command(c, 1, gateway.Block, gateway.Limits{})
	other.Tenant = "globex"
	mustApply(t, l, other)

	_, err = l.Apply(gateway.Command{Level: "hard"})
	require.ErrorContains(t, err, "tenant is empty")
	require.ErrorContains(t, err, `level "hard"`)
	require.ErrorContains(t, err, "sequence is 0")
}

func TestCapCountsPerPeriodAndDebtIsPaidBack(t *testing.T) {
	c := newClock()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	mustApply(t, l, command(c, 1, gateway.Cap, gateway.Limits{Per: 10 * time.Second, USD: ledger.USD}))

	require.False(t, l.Allow(gateway.Tenant("acme")).Refused)
	l.Charge(gateway.Tenant("acme"), 1000, 3*ledger.USD) // the call cost three times the limit
	d := l.Allow(gateway.Tenant("acme"))
	require.True(t, d.Refused)
	require.Equal(t, "usd", d.Limit)
	require.Equal(t, 30*time.Second, d.RetryAfter)
	c.pass(29 * time.Second)
	require.True(t, l.Allow(gateway.Tenant("acme")).Refused)
	c.pass(time.Second)
	require.False(t, l.Allow(gateway.Tenant("acme")).Refused)
	require.Equal(t, 3*ledger.USD, l.State(gateway.Tenant("acme")).USD)
}

func TestSlowIsAPace(t *testing.T) {
	c := newClock()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	mustApply(t, l, command(c, 1, gateway.Slow, gateway.Limits{Per: time.Minute, Requests: 30}))
	passed := 0
	for range 300 { // ten requests a second for half a minute
		if d := l.Allow(gateway.Tenant("acme")); !d.Refused {
			passed++
		} else {
			require.LessOrEqual(t, d.RetryAfter, 2*time.Second)
		}
		c.pass(100 * time.Millisecond)
	}
	require.Equal(t, 3+14, passed, "a burst of a tenth, then one every two seconds")
}

func TestRenewalGivesNoFreshAllowance(t *testing.T) {
	c := newClock()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	limits := gateway.Limits{Per: time.Minute, Requests: 1}
	mustApply(t, l, command(c, 1, gateway.Cap, limits))
	require.False(t, l.Allow(gateway.Tenant("acme")).Refused)
	require.True(t, l.Allow(gateway.Tenant("acme")).Refused)
	c.pass(30 * time.Second)
	mustApply(t, l, command(c, 2, gateway.Cap, limits))
	require.True(t, l.Allow(gateway.Tenant("acme")).Refused)
	require.Equal(t, int64(3), l.State(gateway.Tenant("acme")).Seen)

	next := command(c, 3, gateway.Cap, limits)
	next.Episode = "e2"
	mustApply(t, l, next)
	require.False(t, l.Allow(gateway.Tenant("acme")).Refused, "a new episode counts anew")
}

func TestDryRunCountsAndNeverRefuses(t *testing.T) {
	c := newClock()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	cmd := command(c, 1, gateway.Block, gateway.Limits{})
	cmd.DryRun = true
	mustApply(t, l, cmd)
	for range 4 {
		require.False(t, l.Allow(gateway.Tenant("acme")).Refused)
	}
	s := l.State(gateway.Tenant("acme"))
	require.False(t, s.InForce)
	require.Equal(t, int64(4), s.Would)
	require.Zero(t, s.Refused)
}

func TestMiddlewareNamesTheReason(t *testing.T) {
	c := newClock()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	served := 0
	h := l.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }),
		func(r *http.Request) gateway.Subject { return gateway.Tenant(r.Header.Get("X-Tenant")) })
	mustApply(t, l, command(c, 1, gateway.Block, gateway.Limits{}))

	get := func(tenant string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", nil)
		r.Header.Set("X-Tenant", tenant)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	w := get("acme")
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "60", w.Header().Get("Retry-After"))
	var body struct {
		Error struct{ Code, Message, Reason, Limit string }
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	require.Equal(t, "tollkeeper_throttle", body.Error.Code)
	require.Equal(t, "spend is 12 times the usual", body.Error.Reason)
	require.Contains(t, body.Error.Message, "Try again in 60 s")
	require.Equal(t, http.StatusOK, get("globex").Code)
	require.Equal(t, http.StatusOK, get("").Code)
	require.Equal(t, 2, served)
}

// Whatever the order and repetition of deliveries, the newest command wins.
func TestOrderOfDeliveryDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
		var newest uint64
		for _, s := range rapid.SliceOfN(rapid.Uint64Range(1, 9), 1, 30).Draw(t, "sequences") {
			level := gateway.Release
			if s%2 == 0 {
				level = gateway.Block
			}
			ack, err := l.Apply(command(c, s, level, gateway.Limits{}))
			if err != nil || ack.Applied != (s > newest) {
				t.Fatalf("sequence %d after %d: applied %v, %v", s, newest, ack.Applied, err)
			}
			newest = max(newest, s)
			if got := l.Allow(gateway.Tenant("acme")).Refused; got != (newest%2 == 0) {
				t.Fatalf("newest is %d, refused %v", newest, got)
			}
		}
	})
}

// Over any run of requests and charges, a limited tenant gets at most burst + pace × time, and one call of debt.
func TestNeverMoreThanTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
		level := rapid.SampledFrom([]gateway.Level{gateway.Slow, gateway.Cap}).Draw(t, "level")
		per := time.Duration(rapid.IntRange(1, 60).Draw(t, "per")) * time.Second
		limit := rapid.Int64Range(1, 1_000_000).Draw(t, "limit")
		cmd := command(c, 1, level, gateway.Limits{Per: per, Tokens: limit})
		cmd.Expires = cmd.Issued.Add(time.Hour)
		if _, err := l.Apply(cmd); err != nil {
			t.Fatal(err)
		}
		start, used, last := c.Now(), int64(0), int64(0)
		for range rapid.IntRange(1, 200).Draw(t, "requests") {
			c.pass(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			if l.Allow(gateway.Tenant("acme")).Refused {
				continue
			}
			last = rapid.Int64Range(0, 2*limit).Draw(t, "tokens")
			l.Charge(gateway.Tenant("acme"), last, 0)
			used += last
			periods := int64(c.Now().Sub(start)/per) + 1
			if used-last >= limit*periods+limit {
				t.Fatalf("%d used before the last call, %d allowed in %d periods of %s", used-last, limit*periods, periods, per)
			}
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	c := newClock()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	mustApply(t, l, command(c, 1, gateway.Cap, gateway.Limits{Per: time.Minute, Requests: 500, USD: 1000 * ledger.USD}))
	var wg sync.WaitGroup
	var mu sync.Mutex
	passed, applied := 0, 0
	for g := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			n, a := 0, 0
			for i := range 250 {
				if !l.Allow(gateway.Tenant("acme")).Refused {
					n++
					l.Charge(gateway.Tenant("acme"), 10, ledger.USD/1000)
				}
				other := command(c, uint64(i+1), gateway.Notify, gateway.Limits{})
				other.Tenant = fmt.Sprint("t", i%7)
				if ack, err := l.Apply(other); err == nil && ack.Applied {
					a++
				}
				_ = l.State(gateway.Tenant("acme"))
				if g == 0 {
					_ = l.States()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			passed, applied = passed+n, applied+a
		}()
	}
	wg.Wait()
	require.Equal(t, 500, passed)
	require.Equal(t, int64(1500), l.State(gateway.Tenant("acme")).Refused)
	require.Equal(t, ledger.USD/2, l.State(gateway.Tenant("acme")).USD)
	require.LessOrEqual(t, applied, 250, "each sequence of each tenant at most once")
	require.Equal(t, uint64(250), l.State(gateway.Tenant("t4")).Sequence)
}
