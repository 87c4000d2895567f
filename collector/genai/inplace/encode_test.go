package inplace

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
	"pgregory.net/rapid"
)

// wrapped are spans that were appended one after the other, in a scope of a resource.
func wrapped(spans []byte) []byte {
	scope := binary.AppendUvarint([]byte{resourceSpansScopes}, uint64(len(spans)))
	scope = append(scope, spans...)
	return append(binary.AppendUvarint([]byte{tracesResources}, uint64(len(scope))), scope...)
}

// readsBackAs asks that what was written is td, byte for byte as pdata writes it.
func readsBackAs(t require.TestingT, td ptrace.Traces, written []byte) {
	got, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(written)
	require.NoError(t, err)
	m := ptrace.ProtoMarshaler{}
	want, err := m.MarshalTraces(td)
	require.NoError(t, err)
	have, err := m.MarshalTraces(got)
	require.NoError(t, err)
	require.Equal(t, want, have)
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
			readsBackAs(t, td, wrapped(b))
		})
	})
}

func declined(s ptrace.Span) bool {
	if odd(s.Attributes()) {
		return true
	}
	for _, e := range s.Events().All() {
		if odd(e.Attributes()) {
			return true
		}
	}
	for _, l := range s.Links().All() {
		if odd(l.Attributes()) {
			return true
		}
	}
	return false
}

// odd reports whether a value is a map or a list of others than simple ones.
func odd(m pcommon.Map) (is bool) {
	var look func(v pcommon.Value, depth int)
	look = func(v pcommon.Value, depth int) {
		switch v.Type() {
		case pcommon.ValueTypeMap:
			is = true
		case pcommon.ValueTypeEmpty:
			is = is || depth > 0
		case pcommon.ValueTypeSlice:
			is = is || depth > 0
			for _, of := range v.Slice().All() {
				look(of, depth+1)
			}
		}
	}
	for _, v := range m.All() {
		look(v, 0)
	}
	return is
}

// The same goes for whole requests.
func TestTracesAreAppendedWhole(t *testing.T) {
	both(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			td, whole := ptrace.NewTraces(), known
			few := func(what string) int { return rapid.IntRange(0, 2).Draw(t, what) }
			for range few("resources") {
				rs := td.ResourceSpans().AppendEmpty()
				rs.SetSchemaUrl("schema"[:few("schema")])
				rs.Resource().SetDroppedAttributesCount(uint32(few("dropped")))
				drawMap(t, rs.Resource().Attributes(), few("depth"))
				whole = whole && !odd(rs.Resource().Attributes())
				for range few("scopes") {
					ss := rs.ScopeSpans().AppendEmpty()
					ss.SetSchemaUrl("schema"[:few("schema")])
					ss.Scope().SetName("name"[:few("name")])
					ss.Scope().SetVersion("1.2"[:few("version")])
					ss.Scope().SetDroppedAttributesCount(uint32(few("dropped")))
					drawMap(t, ss.Scope().Attributes(), few("depth"))
					whole = whole && !odd(ss.Scope().Attributes())
					for range few("spans") {
						s := ss.Spans().AppendEmpty()
						drawSpan(t, s)
					}
				}
			}
			b, ok := AppendTraces([]byte("before"), td)
			require.Equal(t, whole, ok)
			require.Equal(t, "before", string(b[:6]))
			if !ok {
				return
			}
			readsBackAs(t, td, b[6:])
		})
	})
}

// A span that is too large for its length is declined.
func TestLargeSpansAreDeclined(t *testing.T) {
	s := ptrace.NewSpan()
	const largest = 1<<(7*threeBytes) - 1
	for n, ok := range map[int]bool{largest - 40: true, largest: false} {
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

// Whatever comes off the wire is appended as pdata writes it, or declined.
func FuzzTracesAreAppendedWhole(f *testing.F) {
	m, u := ptrace.ProtoMarshaler{}, ptrace.ProtoUnmarshaler{}
	for _, spans := range []int{0, 1, 3} {
		td := ptrace.NewTraces()
		ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
		for range spans {
			s := ss.Spans().AppendEmpty()
			_ = s.Attributes().FromRaw(raw)
			s.Events().AppendEmpty().Attributes().PutStr("k", "v")
			s.Links().AppendEmpty().SetFlags(9)
		}
		wire, err := m.MarshalTraces(td)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	refers := ptrace.NewTraces()
	entity.ResourceEntityRefs(refers.ResourceSpans().AppendEmpty().Resource()).AppendEmpty().SetType("host")
	wire, err := m.MarshalTraces(refers)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Fuzz(func(t *testing.T, wire []byte) {
		td, err := u.UnmarshalTraces(wire)
		if err != nil {
			return
		}
		b, ok := AppendTraces(nil, td)
		if !ok {
			return
		}
		readsBackAs(t, td, b)
	})
}
