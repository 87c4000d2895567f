package llmsampling

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
)

// rig is a sampler whose clock is set by hand and whose loop is not running.
type rig struct {
	*sampler
	sink  *consumertest.TracesSink
	clock time.Time
}

func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Probability, cfg.FloorPerMinute, cfg.BudgetKiB = 0, 0, 0
	if change != nil {
		change(&cfg)
	}
	require.NoError(t, cfg.Validate())
	r := &rig{sink: new(consumertest.TracesSink), clock: time.Unix(1_800_000_000, 0)}
	var err error
	r.sampler, err = newSampler(cfg, processortest.NewNopSettings(NewFactory().Type()), r.sink, func() time.Time { return r.clock })
	require.NoError(t, err)
	return r
}

// send consumes the spans as one batch.
func (r *rig) send(t testing.TB, spans ...span) {
	t.Helper()
	require.NoError(t, r.ConsumeTraces(context.Background(), build(spans...)))
}

// pass lets time pass and releases what is due.
func (r *rig) pass(d time.Duration) {
	r.clock = r.clock.Add(d)
	r.release(context.Background(), r.clock, int64(r.cfg.MaxHeldMiB)<<20)
}

// kept maps the names of the spans that were handed on to the reason.
func (r *rig) kept() map[string]string {
	out := map[string]string{}
	for _, td := range r.sink.AllTraces() {
		for s := range spans(td) {
			v, _ := s.Attributes().Get(AttrKept)
			out[s.Name()] = v.AsString()
		}
	}
	return out
}

// span describes a span of a test.
type span struct {
	name   string
	trace  pcommon.TraceID
	attrs  map[string]any
	failed bool
	lasts  time.Duration
	state  string
	event  map[string]any // attributes of an event "gen_ai.user.message"
}

func build(in ...span) ptrace.Traces {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	for _, d := range in {
		s := ss.Spans().AppendEmpty()
		s.SetName(d.name)
		s.SetTraceID(d.trace)
		s.SetSpanID(pcommon.SpanID{1, byte(len(d.name))})
		s.TraceState().FromRaw(d.state)
		if err := s.Attributes().FromRaw(d.attrs); err != nil {
			panic(err)
		}
		s.SetStartTimestamp(1_800_000_000_000_000_000)
		s.SetEndTimestamp(s.StartTimestamp() + pcommon.Timestamp(d.lasts))
		if d.failed {
			s.Status().SetCode(ptrace.StatusCodeError)
		}
		if d.event != nil {
			e := s.Events().AppendEmpty()
			e.SetName("gen_ai.user.message")
			if err := e.Attributes().FromRaw(d.event); err != nil {
				panic(err)
			}
		}
	}
	return td
}

// traceWith makes a trace id with the given randomness.
func traceWith(random uint64) (id pcommon.TraceID) {
	id[0] = 0xaa
	binary.BigEndian.PutUint64(id[8:], random)
	return id
}

func TestReasons(t *testing.T) {
	for name, c := range map[string]struct {
		spans  []span
		change func(*Config)
		want   string
	}{
		"nothing":        {[]span{{name: "a"}}, nil, ""},
		"error":          {[]span{{name: "a"}, {name: "b", failed: true}}, nil, "error"},
		"error off":      {[]span{{name: "a", failed: true}}, func(c *Config) { c.KeepErrors = false }, ""},
		"expensive":      {[]span{{name: "a", attrs: map[string]any{attrCost: "0.06"}}, {name: "b", attrs: map[string]any{attrCost: "0.04"}}}, nil, "cost"},
		"almost":         {[]span{{name: "a", attrs: map[string]any{attrCost: "0.06"}}, {name: "b", attrs: map[string]any{attrCost: "0.039999999999"}}}, nil, ""},
		"no minimum":     {[]span{{name: "a", attrs: map[string]any{attrCost: "100"}}}, func(c *Config) { c.MinCost = "" }, ""},
		"unpriced":       {[]span{{name: "a", attrs: map[string]any{attrUnpriced: "unknown_model"}}}, nil, "unpriced"},
		"unpriced off":   {[]span{{name: "a", attrs: map[string]any{attrUnpriced: "unknown_model"}}}, func(c *Config) { c.KeepUnpriced = false }, ""},
		"doubtful":       {[]span{{name: "a", attrs: map[string]any{attrFlags: "tenant_claimed,contradiction"}}}, nil, "flagged"},
		"flags no doubt": {[]span{{name: "a", attrs: map[string]any{attrFlags: "tenant_claimed,stream"}}}, nil, ""},
		"worst first":    {[]span{{name: "a", failed: true, attrs: map[string]any{attrCost: "5", attrUnpriced: "no_usage"}}}, nil, "error"},
		"random":         {[]span{{name: "a"}}, func(c *Config) { c.Probability, c.BudgetKiB = 1, 1<<20 }, "random"},
		"odd tags":       {[]span{{name: "a", attrs: map[string]any{attrCost: "much", attrFlags: int64(7)}}}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.change)
			for i := range c.spans {
				c.spans[i].trace = traceWith(1)
				r.send(t, c.spans[i]) // a batch each: the evidence of one saves the others
			}
			r.pass(0)
			require.Empty(t, r.kept(), "decided before its time")
			r.pass(r.cfg.DecisionWait)
			got := r.kept()
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, len(c.spans))
			for _, reason := range got {
				require.Equal(t, c.want, reason)
			}
			require.Zero(t, r.heldBytes())
		})
	}
}

// Late spans follow the decision; one with a reason of its own turns "drop" to "keep" for what comes.
func TestLateSpans(t *testing.T) {
	r := newRig(t, nil)
	kept, dropped := traceWith(1), traceWith(2)
	r.send(t, span{name: "failed", trace: kept, failed: true}, span{name: "dull", trace: dropped})
	r.pass(r.cfg.DecisionWait)
	r.send(t, span{name: "late of failed", trace: kept}, span{name: "late of dull", trace: dropped})
	r.pass(r.cfg.DecisionWait)
	r.send(t, span{name: "dull fails", trace: dropped, failed: true})
	r.send(t, span{name: "after that", trace: dropped})
	r.pass(r.cfg.DecisionWait)
	require.Equal(t, map[string]string{
		"failed": "error", "late of failed": "error", "dull fails": "error", "after that": "error",
	}, r.kept())
}

// Two samplers that never talk keep the same traces, about as many as asked for, whatever the batches; and a lower
// probability keeps a subset of a higher one's.
func TestConsistentProbability(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	all := make([]span, 20_000)
	for i := range all {
		all[i] = span{name: fmt.Sprint(i), trace: traceWith(rng.Uint64())}
	}
	keep := func(p float64, batch int) map[string]string {
		r := newRig(t, func(c *Config) { c.Probability = p; c.DecisionWait = 0; c.MaxDecisions = 100 })
		for i := 0; i < len(all); i += batch {
			r.send(t, all[i:min(i+batch, len(all))]...)
		}
		return r.kept()
	}
	tenth := keep(0.1, 1000)
	require.Equal(t, tenth, keep(0.1, 7))
	require.InDelta(t, 2000, len(tenth), 200)
	half := keep(0.5, 1000)
	for name := range tenth {
		if half[name] == "" {
			t.Errorf("trace %s is kept at 0.1 and not at 0.5", name)
		}
	}
}

func TestThresholdIsWritten(t *testing.T) {
	keepHalf := func(c *Config) { c.Probability = 0.5; c.DecisionWait = 0 }
	high, low := traceWith(0xf0_0000_0000_0000), traceWith(1)
	for name, c := range map[string]struct {
		span        span
		state       string
		probability float64
		dropped     bool
	}{
		"plain":             {span{trace: high}, "ot=th:8", 0.5, false},
		"below":             {span{trace: low}, "", 0, true},
		"others stay":       {span{trace: high, state: "vendor=x,ot=rv:f0000000000000;zz:1"}, "ot=th:8;rv:f0000000000000;zz:1,vendor=x", 0.5, false},
		"rv decides":        {span{trace: low, state: "ot=rv:f0000000000000"}, "ot=th:8;rv:f0000000000000", 0.5, false},
		"rv against":        {span{trace: high, state: "ot=rv:00000000000001"}, "", 0, true},
		"head sampled":      {span{trace: high, state: "ot=th:c"}, "ot=th:c", 0.25, false},
		"head, weaker":      {span{trace: high, state: "ot=th:4"}, "ot=th:8", 0.5, false},
		"head, with reason": {span{trace: low, state: "ot=th:c", failed: true}, "ot=th:c", 0.25, false},
		"reason":            {span{trace: low, failed: true}, "", 1, false},
		"garbage":           {span{trace: high, state: "ot=th:xyz;rv:1"}, "ot=th:8;rv:1", 0.5, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, keepHalf)
			c.span.name = "s"
			r.send(t, c.span)
			if c.dropped {
				require.Empty(t, r.kept())
				return
			}
			require.Len(t, r.sink.AllTraces(), 1)
			got := r.sink.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
			require.Equal(t, c.state, got.TraceState().AsRaw())
			p, _ := got.Attributes().Get(AttrProbability)
			require.InDelta(t, c.probability, p.Double(), 1e-12)
		})
	}
}

func TestThreshold(t *testing.T) {
	for p, want := range map[float64]uint64{0: never, 1: 0, 0.5: 1 << 55, 0.25: 3 << 54, 1e-20: never, 2: 0} {
		require.Equal(t, want, threshold(p), "p = %v", p)
	}
	require.InDelta(t, 0.1, probability(threshold(0.1)), 1e-15)
	require.Equal(t, "ot=th:0", withThreshold("", 0))
	require.Equal(t, "ot=th:e6666666666667", withThreshold("ot=th:8", 0xe6666666666667))
}

// Spans without a trace id have nothing in common: each is decided alone, and alike everywhere.
func TestSpansWithoutTraceID(t *testing.T) {
	var all []span
	for i := range 1000 {
		all = append(all, span{name: strings.Repeat("x", i%200) + fmt.Sprint(i)})
	}
	all = append(all, span{name: "failed", failed: true})
	keep := func() map[string]string {
		r := newRig(t, func(c *Config) { c.Probability = 0.5; c.DecisionWait = 0 })
		r.send(t, all...)
		require.Empty(t, r.table.states)
		return r.kept()
	}
	first := keep()
	require.InDelta(t, 500, len(first), 100)
	require.Equal(t, "error", first["failed"])
	require.Equal(t, first, keep())
}

// However much comes, what is held stays below its bound, and nothing that has a reason is lost.
func TestHeldBytesAreBounded(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxHeldMiB = 1; c.DecisionWait = time.Minute; c.MaxDecisions = 50 })
	big := strings.Repeat("x", 10_000)
	failed := 0
	for i := range 2000 {
		fails := i%10 == 0
		if fails {
			failed++
		}
		r.send(t, span{name: fmt.Sprint(i), trace: traceWith(uint64(i)), failed: fails, attrs: map[string]any{"k": big}})
		require.LessOrEqual(t, r.heldBytes(), int64(1<<20))
	}
	require.LessOrEqual(t, len(r.table.states), 50+1<<20/10_000)
	require.NoError(t, r.Shutdown(t.Context()))
	require.Len(t, r.kept(), failed)
	require.Zero(t, r.heldBytes())
	require.LessOrEqual(t, len(r.table.states), 50)
}

// What is held of a trace follows its decision, even if that was forgotten before the rest of it was due.
func TestWhatIsHeldFollowsAForgottenDecision(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxDecisions, c.DecisionWait = 1, time.Second })
	r.send(t, span{name: "fails", trace: traceWith(1), failed: true}, span{name: "other", trace: traceWith(2)})
	r.clock = r.clock.Add(time.Second / 2)
	r.send(t, span{name: "held longer", trace: traceWith(1)})
	r.pass(time.Second / 2)
	require.NotContains(t, r.table.states, traceWith(1), "the other decision took its place")
	r.pass(time.Second / 2)
	require.Equal(t, map[string]string{"fails": "error", "held longer": "error"}, r.kept())
}

// What the next consumer refuses is nobody else's trouble.
func TestRefusalIsSwallowed(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Probability = 1; c.DecisionWait = 0 })
	r.next = consumertest.NewErr(errors.New("sending queue is full"))
	r.send(t, span{name: "a", trace: traceWith(1)})
}

// The real loop decides by the real clock, while many clients send, and Shutdown decides the rest.
func TestLoopAndShutdown(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Probability, cfg.DecisionWait = 1, 20*time.Millisecond
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(NewFactory().Type()), &cfg, consumer.Traces(sink))
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 200 {
				_ = p.ConsumeTraces(t.Context(), build(span{name: "a", trace: traceWith(uint64(worker*1000 + i/3))}))
			}
		})
	}
	wg.Wait()
	require.Eventually(t, func() bool { return sink.SpanCount() == 1600 }, 10*time.Second, time.Millisecond)
	require.NoError(t, p.ConsumeTraces(t.Context(), build(span{name: "last", trace: traceWith(1)})))
	require.NoError(t, p.Shutdown(t.Context()))
	require.Equal(t, 1601, sink.SpanCount())
}

// spans yields every span of td.
func spans(td ptrace.Traces) func(func(ptrace.Span) bool) {
	return func(yield func(ptrace.Span) bool) {
		for ss := range scopes(td) {
			for _, span := range ss.Spans().All() {
				if !yield(span) {
					return
				}
			}
		}
	}
}
