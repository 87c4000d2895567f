package inplace

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestThePdataBuiltInIsKnown fails where a new pdata keeps attributes otherwise: all works then, but as slowly as before. Look at
// its internal.KeyValue, AnyValue, MapWrapper and ValueWrapper, and make this package like them.
func TestThePdataBuiltInIsKnown(t *testing.T) { require.True(t, known) }

// both runs a test with pdata's form and with pdata's functions.
func both(t *testing.T, test func(t *testing.T)) {
	t.Run("known", test)
	t.Run("not known", func(t *testing.T) {
		known = false
		defer func() { known = true }()
		test(t)
	})
}

var raw = map[string]any{
	"text": "a", "none": "", "int": int64(-7), "double": 0.25, "bool": true, "bytes": []byte{1, 2}, "nothing": nil,
	"slice": []any{"x", int64(1)}, "map": map[string]any{"k": "v"},
}

func TestReadsWhatPdataReads(t *testing.T) {
	both(t, func(t *testing.T) {
		m := pcommon.NewMap()
		require.Empty(t, Of(m))
		require.NoError(t, m.FromRaw(raw))
		got := map[string]any{}
		list := Of(m)
		for i := range list {
			p := &list[i]
			v := p.Value(m)
			got[p.Key] = v.AsRaw()
			text, ok := p.Text(m)
			require.Equal(t, v.Type() == pcommon.ValueTypeStr, ok, p.Key)
			require.True(t, !ok || text == v.Str(), p.Key)
			n, ok := p.Int(m)
			require.Equal(t, v.Type() == pcommon.ValueTypeInt, ok, p.Key)
			require.True(t, !ok || n == v.Int(), p.Key)
			require.Equal(t, v.Type() == pcommon.ValueTypeEmpty || v.AsString() == "", p.Empty(), p.Key)
		}
		require.Equal(t, raw, got)
	})
}

// put appends n texts, n numbers of either kind and n copied texts by the functions given.
func put(n int, str func(string, string), bytes func(string, []byte), whole func(string, int64), double func(string, float64)) {
	for i := range n {
		k := fmt.Sprint(i)
		str("s"+k, "text "+k)
		bytes("b"+k, []byte(strings.Repeat("x", 7*i)))
		whole("i"+k, math.MinInt64+int64(i))
		double("d"+k, -1/float64(i+1))
	}
}

func TestAppendsWhatPdataPuts(t *testing.T) {
	both(t, func(t *testing.T) {
		for n := range 8 {
			want, got := pcommon.NewMap(), pcommon.NewMap()
			for _, m := range []pcommon.Map{want, got} {
				m.PutStr("before", "x")
			}
			put(n, want.PutStr, func(k string, b []byte) { want.PutStr(k, string(b)) }, want.PutInt, want.PutDouble)
			for _, room := range []int{0, 4 * n} { // what was asked for is no bound
				got.RemoveIf(func(k string, _ pcommon.Value) bool { return k != "before" })
				a := Append(got, room)
				put(n, a.Str, a.Bytes, a.Int, a.Double)
				a.Done()
				require.Equal(t, want.AsRaw(), got.AsRaw())
				require.Equal(t, wire(t, want), wire(t, got))
			}
			got.PutInt("after", 1) // and pdata goes on with it
			v, ok := got.Get("after")
			require.True(t, ok && v.Int() == 1 && got.Len() == 4*n+2)
		}
	})
}

func TestAppendsWhatStaysWhereItIs(t *testing.T) {
	both(t, func(t *testing.T) {
		m := pcommon.NewMap()
		m.PutStr("before", "x")
		mark := struct {
			text   string
			number float64
		}{"why", 0.25}
		AppendAt(m, "t", &mark.text, "n", &mark.number)
		require.Equal(t, map[string]any{"before": "x", "t": "why", "n": 0.25}, m.AsRaw())
		v, _ := m.Get("t") // and pdata changes the attribute, not what it was made of
		v.SetStr("other")
		n, _ := m.Get("n")
		n.SetDouble(1)
		require.Equal(t, map[string]any{"before": "x", "t": "other", "n": 1.0}, m.AsRaw())
		require.Equal(t, "why", mark.text)
		require.Equal(t, 0.25, mark.number)
	})
}

func wire(t *testing.T, m pcommon.Map) string {
	td := ptrace.NewTraces()
	m.CopyTo(td.ResourceSpans().AppendEmpty().Resource().Attributes())
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return string(b)
}

func TestBytesAreCopied(t *testing.T) {
	both(t, func(t *testing.T) {
		m, text := pcommon.NewMap(), []byte("0.25")
		a := Append(m, 1)
		a.Bytes("k", text)
		a.Done()
		copy(text, "9999")
		v, _ := m.Get("k")
		require.Equal(t, "0.25", v.Str())
	})
}

// What is appended must outlive collections of garbage, and its memory go when the map does.
func TestTheCollectorOfGarbageSeesIt(t *testing.T) {
	m := pcommon.NewMap()
	gone := make(chan bool)
	func() {
		a := Append(m, 3)
		text := []byte("a text on the heap, of more than twenty-four bytes")
		runtime.AddCleanup(&text[0], func(int) { close(gone) }, 0)
		a.Str("s", unsafe.String(&text[0], len(text)))
		a.Bytes("b", []byte("0.000123"))
		a.Int("i", 42)
		a.Done()
	}()
	for range 3 {
		runtime.GC()
		_ = slices.Repeat([]byte("z"), 1<<20)
	}
	require.Equal(t, map[string]any{"s": "a text on the heap, of more than twenty-four bytes", "b": "0.000123", "i": int64(42)}, m.AsRaw())
	select {
	case <-gone:
		t.Fatal("collected while an attribute had it")
	default:
	}
	m.Clear()
	runtime.GC()
	<-gone
}

func TestFitKeepsAllInLessRoom(t *testing.T) {
	both(t, func(t *testing.T) {
		m := pcommon.NewMap()
		require.NoError(t, m.FromRaw(raw))
		m.EnsureCapacity(100)
		Fit(m, 2)
		require.Equal(t, raw, m.AsRaw())
		room := func() int { return cap(*(*attributes)(unsafe.Pointer(&m)).list) } // of this pdata's
		require.Equal(t, len(raw)+2, room())
		m.PutStr("more", "x")
		m.PutInt("and more", 1)
		require.Equal(t, len(raw)+2, room())
		require.Equal(t, len(raw)+2, m.Len())
	})
}

func TestMapsThatMustNotBeChangedArent(t *testing.T) {
	both(t, func(t *testing.T) {
		td := ptrace.NewTraces()
		attrs := td.ResourceSpans().AppendEmpty().Resource().Attributes()
		td.MarkReadOnly()
		require.Panics(t, func() { Append(attrs, 1) })
		require.Panics(t, func() { Fit(attrs, 1) })
		require.Panics(t, func() { AppendAt(attrs, "t", new(string), "n", new(float64)) })
	})
}

func TestAForeignLayoutIsSeen(t *testing.T) {
	require.False(t, likeOurs(struct{ orig *[]struct{ Key string } }{}, pcommon.NewValueEmpty()))
	type other struct {
		Key   string
		Value struct{ Value any }
		Index int32
	}
	require.False(t, likeOurs(struct {
		orig  *[]other
		state *int
	}{}, pcommon.NewValueEmpty()))
	require.False(t, likeOurs(pcommon.NewMap(), struct{ v any }{}))
	require.False(t, holds[int64](pcommon.NewValueStr("")))
	require.True(t, likeOurs(pcommon.NewMap(), pcommon.NewValueEmpty()))
}
