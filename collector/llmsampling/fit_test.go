package llmsampling

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Attributes that are moved are the same in the same order, whatever they hold, and how many there are.
func TestFitChangesNothing(t *testing.T) {
	for n := range 70 {
		td := ptrace.NewTraces()
		span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		for i := range n {
			v := span.Attributes().PutEmpty(fmt.Sprint("key", i))
			require.NoError(t, v.FromRaw([]any{"text", 7, 1.5, true, []byte{1}, map[string]any{"a": 1}, []any{"x", 2}, nil}[i%8]))
		}
		before := ptrace.NewTraces()
		td.CopyTo(before)
		fit(span.Attributes())
		require.Equal(t, marshalled(t, before), marshalled(t, td), n)
		span.Attributes().PutStr(AttrKept, "random")
		require.Equal(t, n+1, span.Attributes().Len())
	}
}

func marshalled(t *testing.T, td ptrace.Traces) []byte {
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return b
}

// Spans off the wire are held in a fifth less memory.
func TestFitSaves(t *testing.T) {
	one := build(span{attrs: map[string]any{}})
	for i := range 20 {
		one.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutInt(fmt.Sprint("key", i), 1)
	}
	wire := marshalled(t, one)
	size := func(do func(pcommon.Map)) uint64 {
		var held []ptrace.Traces
		var before, after runtime.MemStats
		for range 3 { // what earlier tests left, pools included, is gone then
			runtime.GC()
		}
		runtime.ReadMemStats(&before)
		for range 2000 {
			td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(wire)
			require.NoError(t, err)
			for s := range spans(td) {
				do(s.Attributes())
			}
			held = append(held, td)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(held)
		return (after.HeapAlloc - before.HeapAlloc) / uint64(len(held))
	}
	loose, tight := size(func(pcommon.Map) {}), size(fit)
	require.Less(t, tight+300, loose, "bytes a span")
}
