package llmsampling

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"
)

// drawTraces are spans of a few traces (none is one of them), in some resources and scopes, some of them empty, some spans such as can't be packed.
func drawTraces(t *rapid.T, name func() string) ptrace.Traces {
	td := ptrace.NewTraces()
	few := func(what string) int { return rapid.SampledFrom([]int{2, 3, 1, 0}).Draw(t, what) }
	for r := range few("resources") {
		rs := td.ResourceSpans().AppendEmpty()
		rs.SetSchemaUrl("schema")
		rs.Resource().Attributes().PutStr("service.name", fmt.Sprint("service", r))
		for c := range few("scopes") {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.SetSchemaUrl("other schema")
			ss.Scope().SetName(fmt.Sprint("scope", r, c))
			for range few("spans") {
				span := ss.Spans().AppendEmpty()
				span.SetName(name())
				span.SetSpanID(pcommon.SpanID{7})
				if trace := few("trace"); trace > 0 {
					span.SetTraceID(pcommon.TraceID{byte(trace)})
				}
				span.Attributes().PutStr("where", fmt.Sprint(r, c))
				switch few("kind") {
				case 1:
					span.Events().AppendEmpty().SetName("event")
				case 2:
					span.Attributes().PutEmptyMap("map").PutStr("a", "b")
				}
			}
		}
	}
	return td
}

// Whatever waits, packed or not, comes out as it came in once a reason shows up, in its resource and scope, marked; the others don't, and
// nothing is held after.
func TestWhatWaitsComesOutAsItCameIn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, func(c *Config) {
			c.MaxDecisions, c.KeepUnusualDuration, c.KeepUnusualCost = 10, false, false
			c.Probability = rapid.SampledFrom([]float64{0, 0.5}).Draw(rt, "probability")
			c.MaxHeldMiB = 1
		})
		n := 0
		name := func() string { n++; return fmt.Sprint("span", n) }
		whole := map[string][]byte{}
		traces := map[string]pcommon.TraceID{}
		failed := map[pcommon.TraceID]bool{}
		for range rapid.IntRange(1, 4).Draw(rt, "requests") {
			td := drawTraces(rt, name)
			for _, rs := range td.ResourceSpans().All() {
				for _, ss := range rs.ScopeSpans().All() {
					for _, span := range ss.Spans().All() {
						if rapid.IntRange(0, 9).Draw(rt, "failed") == 0 {
							span.Status().SetCode(ptrace.StatusCodeError)
							failed[span.TraceID()] = true
						}
						traces[span.Name()] = span.TraceID()
						whole[span.Name()] = apart(t, rs, ss, span)
					}
				}
			}
			require.NoError(t, r.ConsumeTraces(context.Background(), td))
		}
		r.pass(time.Hour)
		require.Zero(t, r.heldBytes())
		out := map[string]bool{}
		for _, td := range r.sink.AllTraces() {
			for _, rs := range td.ResourceSpans().All() {
				require.NotZero(t, rs.ScopeSpans().Len())
				for _, ss := range rs.ScopeSpans().All() {
					require.NotZero(t, ss.Spans().Len())
					for _, span := range ss.Spans().All() {
						require.True(t, span.Attributes().Remove(AttrKept))
						require.True(t, span.Attributes().Remove(AttrProbability))
						span.TraceState().FromRaw("")
						require.Equal(t, whole[span.Name()], apart(t, rs, ss, span))
						require.False(t, out[span.Name()], "twice")
						out[span.Name()] = true
					}
				}
			}
		}
		for name, id := range traces {
			if !id.IsEmpty() && failed[id] {
				require.True(t, out[name], name)
			}
			if r.cfg.Probability == 0 && !failed[id] {
				require.False(t, out[name], name)
			}
		}
	})
}

// apart is a span with its resource and scope and no other.
func apart(t *testing.T, rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, span ptrace.Span) []byte {
	td := ptrace.NewTraces()
	to := td.ResourceSpans().AppendEmpty()
	rs.Resource().CopyTo(to.Resource())
	to.SetSchemaUrl(rs.SchemaUrl())
	scope := to.ScopeSpans().AppendEmpty()
	ss.Scope().CopyTo(scope.Scope())
	scope.SetSchemaUrl(ss.SchemaUrl())
	span.CopyTo(scope.Spans().AppendEmpty())
	return marshalled(t, td)
}

// A span that another sampler kept has one verdict when it is read back: the last.
func TestReadBackWithAVerdict(t *testing.T) {
	r := newRig(t, nil)
	before := map[string]any{AttrKept: "random", AttrProbability: 0.5, "a": "b"}
	r.send(t, span{name: "first", trace: traceWith(1), attrs: before})
	r.send(t, span{name: "second", trace: traceWith(1), attrs: before, failed: true})
	r.pass(time.Hour)
	require.Equal(t, map[string]string{"first": "error", "second": "error"}, r.kept())
	for _, td := range r.sink.AllTraces() {
		for s := range spans(td) {
			require.Equal(t, map[string]any{AttrKept: "error", AttrProbability: 1.0, "a": "b"}, s.Attributes().AsRaw())
		}
	}
}

// Spans without a trace wait as what is decided of each, and are decided alone.
func TestAloneSpansArePackedToo(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MarkKeys = []string{"keep"} })
	r.send(t, span{name: "dropped"}, span{name: "failed", failed: true}, span{name: "marked", attrs: map[string]any{"keep": true}}, span{name: "dropped too"})
	require.Len(t, r.held[0].spans, 4)
	require.Equal(t, []int{2}, r.held[0].packed.scopes)
	r.pass(time.Hour)
	require.Equal(t, map[string]string{"failed": "error", "marked": "marked"}, r.kept())
}

// What is counted is what lies there: the room of what is packed for just that, resources and scopes, traces, and spans without one.
func TestHeldBytesAreCounted(t *testing.T) {
	count := func(spans ...span) int64 {
		r := newRig(t, nil)
		r.send(t, spans...)
		return r.heldBytes()
	}
	var kept, dropped []span
	for i := range 50 {
		attrs := map[string]any{"text": fmt.Sprint("a text of some length that is written here, number ", 100+i)}
		kept = append(kept, span{name: "span", trace: traceWith(uint64(i)), attrs: attrs, failed: true})
		dropped = append(dropped, span{name: "span", trace: traceWith(uint64(i)), attrs: attrs})
	}
	one, all := count(dropped[0]), count(dropped...)
	each := (all - one) / 49
	require.InDelta(t, traceOverhead+heldSpanSize+140, each, 10)
	require.Greater(t, one-each, int64(2*scopeOverhead))
	require.InDelta(t, count(kept...)+each-traceOverhead, count(append(kept, span{name: "span", trace: traceWith(7), attrs: dropped[7].attrs})...), float64(each)/2)
	require.InDelta(t, aloneSize+heldSpanSize+85, count(span{name: "a", failed: true}, span{name: "b", failed: true})-count(span{name: "a", failed: true}), 20)
}

// What will be dropped waits in less than half of the memory, and as much is counted as it takes.
func TestPackedSpansTakeHalf(t *testing.T) {
	attrs := map[string]any{}
	for i := range 20 {
		attrs[fmt.Sprint("some.attribute", i)] = fmt.Sprint("some value ", i)
	}
	hold := func(probability float64) (heap, counted float64) {
		r := newRig(t, func(c *Config) { c.Probability, c.BudgetKiB, c.MaxHeldMiB = probability, 1<<20, 256 })
		var before, after runtime.MemStats
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&before)
		const requests, each = 40, 90
		for i := range requests {
			var in []span
			for k := range each {
				in = append(in, span{name: "x", trace: traceWith(uint64(i*each + k/3)), attrs: attrs})
			}
			td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(marshalled(t, build(in...)))
			require.NoError(t, err)
			require.NoError(t, r.ConsumeTraces(t.Context(), td))
		}
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&after)
		counted = float64(r.heldBytes())
		return (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / (requests * each), counted / (requests * each)
	}
	asTheyAre, _ := hold(1)
	packed, counted := hold(0)
	require.Less(t, packed, asTheyAre/2, "bytes a span, and what its trace takes")
	require.InEpsilon(t, packed, counted, 0.15)
}
