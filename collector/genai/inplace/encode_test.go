package inplace

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"
)

// wrapped are spans that were appended one after the other, in a scope of a resource.
func wrapped(spans []byte) []byte {
	scope := binary.AppendUvarint([]byte{2<<3 | byLength}, uint64(len(spans)))
	scope = append(scope, spans...)
	return append(binary.AppendUvarint([]byte{1<<3 | byLength}, uint64(len(scope))), scope...)
}

// What was appended reads back as the same spans, byte for byte as pdata writes them, whatever they hold; what is declined leaves no trace.
func TestSpansAreAppendedWhole(t *testing.T) {
	both(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			td := ptrace.NewTraces()
			spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
			var b []byte
			for range rapid.IntRange(1, 3).Draw(t, "spans") {
				s := spans.AppendEmpty()
				drawSpan(t, s)
				before := len(b)
				var ok bool
				if b, ok = AppendSpan(b, s); !ok {
					require.Len(t, b, before)
					require.True(t, !known || declined(s))
					spans.RemoveIf(func(of ptrace.Span) bool { return of == s })
				}
			}
			got, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(wrapped(b))
			require.NoError(t, err)
			m := ptrace.ProtoMarshaler{}
			want, err := m.MarshalTraces(td)
			require.NoError(t, err)
			have, err := m.MarshalTraces(got)
			require.NoError(t, err)
			require.Equal(t, want, have)
		})
	})
}

func declined(s ptrace.Span) bool {
	if s.Events().Len()+s.Links().Len() > 0 {
		return true
	}
	odd := false
	var look func(v pcommon.Value, depth int)
	look = func(v pcommon.Value, depth int) {
		switch v.Type() {
		case pcommon.ValueTypeMap, pcommon.ValueTypeBytes:
			odd = true
		case pcommon.ValueTypeSlice:
			odd = odd || depth > 0
			for _, of := range v.Slice().All() {
				look(of, depth+1)
			}
		}
	}
	for _, v := range s.Attributes().All() {
		look(v, 0)
	}
	return odd
}

// A span that is too large for its length is declined.
func TestLargeSpansAreDeclined(t *testing.T) {
	s := ptrace.NewSpan()
	for n, ok := range map[int]bool{largestSpan - 40: true, largestSpan: false} {
		s.Attributes().PutStr("a", string(make([]byte, n)))
		b, appended := AppendSpan([]byte("before"), s)
		require.Equal(t, ok, appended)
		require.Equal(t, "before", string(b[:6]))
		require.Equal(t, ok, len(b) > 6)
	}
}

func BenchmarkSpan(b *testing.B) {
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{1})
	s.SetName("POST /v1/orders")
	s.SetStartTimestamp(1)
	s.SetEndTimestamp(2)
	for i := range 20 {
		if key := "some.attribute.name"[:10+i%9] + string(rune('a'+i)); i%5 == 0 {
			s.Attributes().PutInt(key, int64(i)<<i)
		} else {
			s.Attributes().PutStr(key, "a text of its value"[:4+i%15])
		}
	}
	b.Run("append", func(b *testing.B) {
		var buf []byte
		for b.Loop() {
			buf, _ = AppendSpan(buf[:0], s)
		}
	})
	b.Run("pdata", func(b *testing.B) {
		for b.Loop() {
			_, _ = sizerOf(td)
		}
	})
}

func sizerOf(td ptrace.Traces) ([]byte, error) { return (&ptrace.ProtoMarshaler{}).MarshalTraces(td) }
