package llmsampling

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is kept of many small requests is handed on in few large ones, at the next tick at the latest; at once when it is in a hurry.
func TestSmallRequestsAreHandedOnTogether(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Probability, c.DecisionWait, c.MaxHeldMiB, c.BudgetKiB = 1, 2*time.Second, 1, 1<<20 })
	send := func(n int, text string) {
		for i := range n {
			r.send(t, span{name: fmt.Sprint(i), trace: traceWith(uint64(i)), attrs: map[string]any{"note": text}})
		}
	}
	send(100, "")
	r.clock = r.clock.Add(2 * time.Second)
	send(1, "")
	require.Empty(t, r.sink.AllTraces(), "it is little, and the tick is near")
	r.pass(0)
	require.Len(t, r.sink.AllTraces(), 1)
	require.Equal(t, 100, r.sink.SpanCount())
	r.pass(0)
	require.Len(t, r.sink.AllTraces(), 1, "nothing is handed on twice, or empty")

	r.pass(2 * time.Second)
	r.sink.Reset()
	send(60, strings.Repeat("x", 10_000))
	r.clock = r.clock.Add(2 * time.Second)
	send(1, "")
	require.Len(t, r.sink.AllTraces(), 1, "400 kB go on without a tick")
	require.GreaterOrEqual(t, r.sizer.TracesSize(r.sink.AllTraces()[0]), handOnBytes)
	require.Less(t, r.sizer.TracesSize(r.sink.AllTraces()[0]), handOnBytes+11_000)
	first := r.sink.SpanCount()

	r.sink.Reset()
	send(120, strings.Repeat("x", 10_000))
	require.Positive(t, r.sink.SpanCount(), "there is no room: what is decided early makes some at once")
	require.NoError(t, r.Shutdown(context.Background()))
	require.Equal(t, 60+1+120, first+r.sink.SpanCount(), "and a shutdown leaves none behind")
}

// As much without a budget, where its size is only guessed.
func TestGuessedRequestsAreLargeEnough(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Probability, c.BudgetKiB = 1, 0 })
	attrs := map[string]any{"a": true, "b": false, attrCost: "0.01", attrTenant: "acme"}
	for i := range 15 {
		attrs[fmt.Sprint("count", i)] = int64(i)
	}
	for i := range 3000 {
		r.send(t, span{name: "x", trace: traceWith(uint64(i)), attrs: attrs})
	}
	require.NotEmpty(t, r.sink.AllTraces())
	for _, td := range r.sink.AllTraces() {
		require.GreaterOrEqual(t, r.sizer.TracesSize(td), handOnBytes)
		require.Less(t, r.sizer.TracesSize(td), handOnBytes+handOnBytes/4)
	}
}

// Where nothing can be dropped nothing waits or is remembered; the spans of a request say why they were kept as far as it tells.
func TestWhatKeepsAllHoldsNothing(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Probability, c.BudgetKiB, c.FloorPerMinute, c.KeepFirst = 1, 0, 1, false })
	r.send(t, span{name: "floor", trace: traceWith(1)})
	r.send(t, span{name: "random", trace: traceWith(2)}, span{name: "error", trace: traceWith(3), failed: true}, span{name: "error too", trace: traceWith(3)},
		span{name: "alone"})
	require.Zero(t, r.heldBytes())
	require.Empty(t, r.table.states)
	r.pass(0)
	require.Equal(t, map[string]string{"floor": "floor", "random": "random", "error": "error", "error too": "error", "alone": "random"}, r.kept())
	for _, td := range r.sink.AllTraces() {
		for s := range spans(td) {
			p, ok := s.Attributes().Get(AttrProbability)
			require.True(t, ok && p.Double() == 1, s.Name())
		}
	}
	require.Empty(t, r.table.decided)
}

// A span that another sampler kept has one verdict, the last: pdata has nothing against two attributes of a name.
func TestOneVerdictASpan(t *testing.T) {
	for _, before := range []map[string]any{
		{AttrKept: "cost", AttrProbability: 0.25}, {AttrKept: "cost"}, {AttrProbability: 0.25}, {AttrProbability: "0.25"}, {AttrKept: int64(1), "other": "x"}, {"other": "x"}, {},
	} {
		for _, probability := range []float64{0, 1} { // held, and handed on at once
			r := newRig(t, func(c *Config) { c.Probability, c.BudgetKiB = probability, 0 })
			r.send(t, span{name: "a", trace: traceWith(1), failed: true, attrs: before})
			r.pass(r.cfg.DecisionWait)
			for s := range spans(r.sink.AllTraces()[0]) {
				want := map[string]any{AttrKept: "error", AttrProbability: 1.0}
				if before["other"] != nil {
					want["other"] = "x"
				}
				require.Equal(t, want, s.Attributes().AsRaw(), before)
				require.Equal(t, len(want), s.Attributes().Len(), before)
			}
		}
	}
}
