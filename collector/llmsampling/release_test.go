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
	r := newRig(t, func(c *Config) { c.Probability, c.DecisionWait, c.MaxHeldMiB = 1, 2*time.Second, 1 })
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
