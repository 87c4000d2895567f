package llmsampling

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clocktest"
)

// flood is traffic of some tenants on a clock set by hand, and what is kept of it, by second.
type flood struct {
	*sampler
	t      testing.TB
	rng    *rand.Rand
	clock  time.Time
	set    time.Duration // by so much the wall was, since
	sizer  ptrace.ProtoMarshaler
	second int
	more   func(ptrace.Span) // what else spans have

	bytes  []int64 // handed on, by second
	traces float64 // sent
	weight float64 // of the kept ones: 1 ÷ probability
	floors map[string]map[int64]int
	errors int
	kept   map[string]int // traces by reason
}

func newFlood(t testing.TB, change func(*Config)) *flood {
	cfg := DefaultConfig()
	cfg.BudgetKiB, cfg.Probability, cfg.FloorPerMinute, cfg.DecisionWait = 200, 1, 5, 2*time.Second
	if change != nil {
		change(&cfg)
	}
	require.NoError(t, cfg.Validate())
	f := &flood{t: t, rng: rand.New(rand.NewPCG(7, 7)), clock: clocktest.Reading(time.Unix(1_800_000_000, 0)), floors: map[string]map[int64]int{}, kept: map[string]int{}}
	sink, err := consumer.NewTraces(f.take)
	require.NoError(t, err)
	f.sampler, err = newSampler(cfg, processortest.NewNopSettings(NewFactory().Type()), sink, func() time.Time { return f.clock })
	require.NoError(t, err)
	return f
}

// take is the next consumer.
func (f *flood) take(_ context.Context, td ptrace.Traces) error {
	second := int(f.clock.Add(-f.set).Unix() - 1_800_000_000)
	for len(f.bytes) <= second {
		f.bytes = append(f.bytes, 0)
	}
	f.bytes[second] += int64(f.sizer.TracesSize(td))
	for _, rs := range td.ResourceSpans().All() {
		tenant := tenantOf(rs.Resource().Attributes())
		for _, s := range rs.ScopeSpans().At(0).Spans().All() {
			if s.Name() != "root" {
				continue // one span stands for its trace
			}
			p, _ := s.Attributes().Get(AttrProbability)
			why, _ := s.Attributes().Get(AttrKept)
			f.weight += 1 / p.Double()
			f.kept[why.Str()]++
			if why.Str() == keptFloor {
				if f.floors[tenant] == nil {
					f.floors[tenant] = map[int64]int{}
				}
				f.floors[tenant][f.clock.Add(-f.cfg.DecisionWait).Unix()/60]++
			}
		}
	}
	return nil
}

// run lets seconds pass in which the first tenant sends that many traces each; the other tenants one every two seconds.
func (f *flood) run(seconds, traces int, failed float64) {
	const ticks = 20
	for range seconds {
		for tick := range ticks {
			f.send("big", traces/ticks, failed)
			if n := f.second*ticks + tick; n%2 == 0 {
				f.send(fmt.Sprintf("small-%d", n/2%20), 1, 0)
			}
			f.clock = f.clock.Add(time.Second / ticks)
			f.release(context.Background(), f.clock, int64(f.cfg.MaxHeldMiB)<<20)
		}
		f.second++
	}
}

// send is one request of traces of three spans each.
func (f *flood) send(tenant string, traces int, failed float64) {
	if traces == 0 {
		return
	}
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr(attrTenant, tenant)
	rs.Resource().Attributes().PutStr("service.name", "a service with a name of the usual length")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for range traces {
		f.traces++
		id := traceWith(f.rng.Uint64())
		for i, name := range []string{"root", "chat", "db"} {
			s := spans.AppendEmpty()
			s.SetName(name)
			s.SetTraceID(id)
			s.SetSpanID(pcommon.SpanID{1, byte(i)})
			s.Attributes().PutStr("http.route", "/a/route/of/the/usual/length/{id}")
			if f.more != nil {
				f.more(s)
			}
			if i == 0 && f.rng.Float64() < failed {
				f.errors++
				s.Status().SetCode(ptrace.StatusCodeError)
			}
		}
	}
	require.NoError(f.t, f.ConsumeTraces(context.Background(), td))
}

// halves is a request with one span of each trace, of which a part fails.
func (f *flood) halves(ids []uint64, name string, failed float64) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, id := range ids {
		s := spans.AppendEmpty()
		s.SetName(name)
		s.SetTraceID(traceWith(id))
		s.Attributes().PutStr("http.route", "/a/route/of/the/usual/length/{id}")
		if name == "root" {
			f.traces++
		}
		if f.rng.Float64() < failed {
			s.Status().SetCode(ptrace.StatusCodeError)
		}
	}
	require.NoError(f.t, f.ConsumeTraces(context.Background(), td))
}

// rate is bytes a second handed on between two seconds, as a share of the budget.
func (f *flood) rate(from, to int) float64 {
	sum := int64(0)
	for _, b := range f.bytes[from:to] {
		sum += b
	}
	return float64(sum) / float64(to-from) / float64(f.cfg.BudgetKiB<<10)
}

// A clock that is set, back or forward, changes nothing of what is kept.
func TestAClockThatIsSet(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, time.Hour} {
		f := newFlood(t, nil)
		f.run(20, 2000, 0)
		f.set, f.clock = by, clocktest.Set(f.clock, by)
		f.run(40, 2000, 0)
		require.InDelta(t, f.rate(5, 20), f.rate(20, 60), 0.05, "set by %s", by)
	}
}

// Ten times the traffic keeps as many bytes, within a tenth of the budget in every second; every tenant keeps its floor; and what
// is kept tells how much it stands for.
func TestTenTimesTheTraffic(t *testing.T) {
	const wait, calm, storm = 2, 10, 20
	f := newFlood(t, nil)
	f.run(calm, 2000, 0.001)
	f.run(storm, 20_000, 0.001)
	f.run(calm, 2000, 0.001)
	f.run(wait+1, 0, 0)
	for s, b := range f.bytes {
		share := float64(b) / float64(f.cfg.BudgetKiB<<10)
		t.Logf("second %2d: %5.1f %% of the budget", s, share*100)
		require.LessOrEqual(t, share, 1.1, "second %d", s)
	}
	require.InDelta(t, 1, f.rate(wait, wait+calm), 0.1, "before")
	require.InDelta(t, 1, f.rate(wait+calm, wait+calm+storm), 0.1, "ten times the traffic")
	require.InDelta(t, 1, f.rate(wait+calm+storm, wait+calm+storm+calm), 0.1, "after")
	require.InEpsilon(t, f.traces, f.weight, 0.05, "what is kept stands for all")
	require.Equal(t, f.errors, f.kept["error"], "errors fit, so all are kept")
	require.Len(t, f.floors, 21)
	for tenant, minutes := range f.floors {
		for minute, n := range minutes {
			require.LessOrEqual(t, n, f.cfg.FloorPerMinute, "%s %d", tenant, minute)
		}
	}
	for i := range 20 {
		n := 0
		for _, m := range f.floors[fmt.Sprintf("small-%d", i)] {
			n += m
		}
		require.GreaterOrEqual(t, n, f.cfg.FloorPerMinute, "small-%d", i)
	}
}

// When everything has a reason, reasons are thinned, by their randomness; the floor is not.
func TestEverythingFails(t *testing.T) {
	f := newFlood(t, nil)
	f.run(15, 10_000, 1)
	f.run(3, 0, 0)
	require.InDelta(t, 1, f.rate(2, 15), 0.1)
	require.Less(t, f.kept["error"], f.errors/2)
	require.InEpsilon(t, f.traces, f.weight, 0.05)
	for i := range 20 {
		require.NotEmpty(t, f.floors[fmt.Sprintf("small-%d", i)])
	}
}

// Without a wait what comes is decided at once, by what came just before: the budget holds all the same.
func TestBudgetWithoutWait(t *testing.T) {
	f := newFlood(t, func(c *Config) { c.DecisionWait = 0 })
	f.run(8, 2000, 0)
	f.run(8, 20_000, 0)
	for s, b := range f.bytes {
		require.LessOrEqual(t, float64(b)/float64(f.cfg.BudgetKiB<<10), 1.1, "second %d", s)
	}
	require.Greater(t, f.rate(1, 16), 0.7)
}

// Where the look at a span guesses its size wrong, what is kept still stands for all, and fills the budget.
func TestSizesThatAreGuessedWrong(t *testing.T) {
	for name, more := range map[string]func(ptrace.Span){
		"too small": func(s ptrace.Span) {
			for i := range 20 {
				s.Attributes().PutInt(fmt.Sprint("n", i), -1)
			}
		},
		"too large": func(s ptrace.Span) {
			for range 20 {
				s.Attributes().PutEmptySlice("list").AppendEmpty().SetInt(1)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlood(t, func(c *Config) { c.BudgetKiB, c.MaxHeldMiB = 400, 256 })
			f.more = more
			const pairs = 6
			for range pairs {
				f.run(1, 20_000, 0)
				f.run(1, 2000, 0)
			}
			f.run(3, 0, 0)
			require.InEpsilon(t, f.traces, f.weight, 0.07)
			require.InDelta(t, 1, f.rate(2, 2+2*pairs), 0.1)
		})
	}
}

// Spans without a trace are decided by what their whole second asked for, not by what had come before them.
func TestBudgetOfSpansWithoutATrace(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Probability, c.BudgetKiB = 1, 20 })
	for i := range 200 {
		r.send(t, span{name: fmt.Sprint(i), attrs: map[string]any{"text": strings.Repeat("x", 1000)}})
	}
	r.pass(2 * time.Second)
	require.InDelta(t, 17, len(r.kept()), 5)
}

// A reason that comes in a later request, as a trace's failure mostly does, is one of all that came of the trace: the budget holds, and what is kept stands
// for all.
func TestLateReasonsWithinTheBudget(t *testing.T) {
	f := newFlood(t, func(c *Config) { c.MaxHeldMiB = 256 })
	const seconds, ticks, traces = 15, 20, 200
	for range seconds {
		for range ticks {
			ids := make([]uint64, traces)
			for i := range ids {
				ids[i] = f.rng.Uint64()
			}
			f.halves(ids, "root", 0)
			f.clock = f.clock.Add(time.Second / ticks)
			f.halves(ids, "db", 0.05)
			f.release(t.Context(), f.clock, int64(f.cfg.MaxHeldMiB)<<20)
		}
	}
	f.run(3, 0, 0)
	for s, b := range f.bytes[4:] { // what goes with kept spans is known by then
		require.LessOrEqual(t, float64(b)/float64(f.cfg.BudgetKiB<<10), 1.1, "second %d", s)
	}
	require.InDelta(t, 1, f.rate(4, seconds), 0.1)
	require.InEpsilon(t, f.traces, f.weight, 0.07)
}

// What doesn't fill the budget is kept as the probability says.
func TestBudgetIsNoGoal(t *testing.T) {
	f := newFlood(t, func(c *Config) { c.BudgetKiB, c.Probability, c.FloorPerMinute = 100_000, 0.25, 0 })
	f.run(10, 2000, 0)
	f.run(3, 0, 0)
	require.InEpsilon(t, f.traces/4, float64(f.kept[keptRandom]), 0.05)
	require.Equal(t, f.weight, 4*float64(f.kept[keptRandom]))
}

// Stopping hands on what is held as it would have been, though it is more than a second's worth.
func TestShutdownKeepsReasons(t *testing.T) {
	f := newFlood(t, func(c *Config) { c.DecisionWait, c.MaxHeldMiB, c.BudgetKiB = time.Minute, 512, 10 })
	f.run(20, 200, 0.02)
	require.NoError(t, f.Shutdown(t.Context()))
	require.Equal(t, f.errors, f.kept["error"])
	require.Zero(t, f.heldBytes())
}
