package inplace

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"
)

// value draws any value that an attribute can have.
func drawValue(t *rapid.T, v pcommon.Value, depth int) {
	length := rapid.SampledFrom([]int{0, 1, 90, 100, 120, 121, 122, 126, 127, 128, 300, 17_000})
	kinds := 6
	if depth > 0 {
		kinds = 8
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 1:
		v.SetStr(strings.Repeat("x", length.Draw(t, "length")))
	case 2:
		v.SetInt(rapid.Int64().Draw(t, "int"))
	case 3:
		v.SetDouble(rapid.Float64().Draw(t, "double"))
	case 4:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case 5:
		v.SetEmptyBytes().FromRaw(make([]byte, length.Draw(t, "length")))
	case 6:
		s := v.SetEmptySlice()
		for range rapid.IntRange(0, 4).Draw(t, "values") {
			drawValue(t, s.AppendEmpty(), depth-1)
		}
	case 7:
		drawMap(t, v.SetEmptyMap(), depth-1)
	}
}

func drawMap(t *rapid.T, m pcommon.Map, depth int) {
	for range rapid.IntRange(0, 5).Draw(t, "attributes") {
		drawValue(t, m.PutEmpty(strings.Repeat("k", rapid.SampledFrom([]int{0, 1, 2, 20, 107, 108, 109, 110, 127, 128}).Draw(t, "key"))), depth)
	}
}

// drawSpan draws any span.
func drawSpan(t *rapid.T, s ptrace.Span) {
	drawMap(t, s.Attributes(), 2)
	some := func(name string) bool { return rapid.Bool().Draw(t, name) }
	if some("ids") {
		s.SetTraceID(pcommon.TraceID{1})
		s.SetSpanID(pcommon.SpanID{1})
	}
	if some("parent") {
		s.SetParentSpanID(pcommon.SpanID{2})
	}
	if some("texts") {
		s.SetName(strings.Repeat("n", rapid.IntRange(1, 200).Draw(t, "name's length")))
		s.TraceState().FromRaw("ot=th:8")
		s.Status().SetMessage(strings.Repeat("m", rapid.IntRange(1, 200).Draw(t, "message's length")))
	}
	if some("numbers") {
		s.SetFlags(257)
		s.SetKind(ptrace.SpanKindClient)
		s.SetStartTimestamp(1)
		s.SetEndTimestamp(2)
		s.SetDroppedAttributesCount(200)
		s.SetDroppedEventsCount(1)
		s.SetDroppedLinksCount(70_000)
		s.Status().SetCode(ptrace.StatusCodeError)
	}
	for range rapid.IntRange(0, 2).Draw(t, "events") {
		e := s.Events().AppendEmpty()
		e.SetName("event")
		e.SetTimestamp(3)
		e.SetDroppedAttributesCount(5)
		drawMap(t, e.Attributes(), 1)
	}
	for range rapid.IntRange(0, 2).Draw(t, "links") {
		l := s.Links().AppendEmpty()
		l.SetTraceID(pcommon.TraceID{3})
		l.SetSpanID(pcommon.SpanID{4})
		l.TraceState().FromRaw("a=b")
		l.SetFlags(1)
		l.SetDroppedAttributesCount(6)
		drawMap(t, l.Attributes(), 1)
	}
}

// Every span's size is what pdata makes it, whatever the span holds.
func TestSizesArePdatas(t *testing.T) {
	both(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			s := ptrace.NewSpan()
			drawSpan(t, s)
			require.Equal(t, sizer.SpanSize(s), SpanSize(s, Size(s.Attributes())))
		})
	})
}

func TestSizesOfWhatIsPut(t *testing.T) {
	m := pcommon.NewMap()
	m.PutStr("key", strings.Repeat("x", 200))
	require.Equal(t, Size(m), TextSize("key", strings.Repeat("x", 200)))
	m.Clear()
	m.PutDouble("key", 1)
	require.Equal(t, Size(m), DoubleSize("key"))
}
