package payloadkafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/collector/payloadkafka/internal/metadata"
	"github.com/tollkeeper/tollkeeper/collector/payloadkafka/internal/metadatatest"
)

// numbered makes spans with ids from first on, each with a text of one of the lengths, on some resources and scopes.
func numbered(first int, lengths []int, resources, scopes int) ptrace.Traces {
	td := ptrace.NewTraces()
	for r := range resources {
		rs := td.ResourceSpans().AppendEmpty()
		rs.SetSchemaUrl("resource's")
		rs.Resource().Attributes().PutInt("number", int64(r))
		for s := range scopes {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.SetSchemaUrl("scope's")
			ss.Scope().SetName(fmt.Sprint("scope ", s))
		}
	}
	for i, n := range lengths {
		span := td.ResourceSpans().At(i % resources).ScopeSpans().At(i % scopes).Spans().AppendEmpty()
		var id pcommon.SpanID
		binary.BigEndian.PutUint64(id[:], uint64(first+i))
		span.SetSpanID(id)
		span.Attributes().PutStr("text", strings.Repeat("x", n))
	}
	return td
}

// told is every span with its resource and scope, as texts.
func told(t require.TestingT, messages ...[]byte) map[string]int {
	out := map[string]int{}
	for _, m := range messages {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(m)
		require.NoError(t, err)
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					text, _ := s.Attributes().Get("text")
					out[fmt.Sprint(rs.Resource().Attributes().AsRaw(), rs.SchemaUrl(), ss.Scope().Name(), ss.SchemaUrl(), s.SpanID(), len(text.Str()))]++
				}
			}
		}
	}
	return out
}

func wire(t require.TestingT, td ptrace.Traces) []byte {
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return b
}

// Whatever is encoded, merged and cut, every span that fits into a record is there once, on its resource and scope, and no record is
// larger than allowed.
func TestNothingIsLostOrCutWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(300, 4000).Draw(t, "limit")
		lengths := rapid.SliceOfN(rapid.IntRange(0, limit-250), 0, 60)
		resources, scopes := rapid.IntRange(1, 4).Draw(t, "resources"), rapid.IntRange(1, 3).Draw(t, "scopes")
		var merged *encoded
		want := map[string]int{}
		spans := 0
		var flushed []xexporterhelper.Request
		for i := range rapid.IntRange(1, 5).Draw(t, "requests") {
			td := numbered(i*100, lengths.Draw(t, "lengths"), resources, scopes)
			for k, n := range told(t, wire(t, td)) {
				want[k] += n
			}
			spans += td.SpanCount()
			before := wire(t, td)
			e, tooLarge, err := new(desks).encode(td, limit)
			require.NoError(t, err)
			require.Zero(t, tooLarge)
			require.Equal(t, before, wire(t, td), "what comes in is read only")
			require.Equal(t, td.SpanCount(), e.ItemsCount())
			for _, p := range e.pieces {
				require.LessOrEqual(t, len(p.otlp), limit)
			}
			if merged == nil {
				merged = e
				continue
			}
			got, err := merged.MergeSplit(context.Background(), rapid.SampledFrom([]int{0, limit, 3 * limit}).Draw(t, "max"), exporterhelper.RequestSizerTypeBytes, e)
			require.NoError(t, err)
			require.NotEmpty(t, got)
			flushed = append(flushed, got[:len(got)-1]...)
			merged = got[len(got)-1].(*encoded)
		}
		var records [][]byte
		for _, r := range append(flushed, merged) {
			size := 0
			for part := range r.(*encoded).parts(limit) {
				m := part.message()
				require.LessOrEqual(t, len(m), limit)
				require.Equal(t, part.BytesSize(), len(m))
				size += len(m)
				spans -= part.ItemsCount()
				records = append(records, m)
			}
			require.Equal(t, r.(*encoded).BytesSize(), size)
		}
		require.Zero(t, spans)
		require.Equal(t, want, told(t, records...))
	})
}

// A span that is larger than a record is left out and counted, and those around it stay.
func TestASpanTooLargeIsLeftOut(t *testing.T) {
	e, tooLarge, err := new(desks).encode(numbered(1, []int{10, 5000, 10, 5000}, 1, 1), 2000)
	require.NoError(t, err)
	require.Equal(t, 2, tooLarge)
	require.Equal(t, 2, e.ItemsCount())
	seen := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, seen.Shutdown(context.WithoutCancel(t.Context()))) })
	m, err := metadata.NewTelemetryBuilder(seen.NewTelemetrySettings())
	require.NoError(t, err)
	w := &writer{cfg: Config{MaxRecordBytes: 2000}, log: zap.NewNop(), metrics: m}
	_, err = w.encode(t.Context(), numbered(1, []int{5000}, 1, 1))
	require.ErrorContains(t, err, "1 spans of more than max_record_bytes (2000) each")
	_, err = w.encode(t.Context(), numbered(1, []int{10, 5000, 10, 5000}, 1, 1))
	require.NoError(t, err)
	metadatatest.AssertEqualCollectorPayloadKafkaSpansTooLarge(t, seen, []metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp())
}

// Pieces that fit are handed on as they are, not copied.
func TestOnePieceIsNotCopied(t *testing.T) {
	e, _, err := new(desks).encode(numbered(1, []int{10, 20}, 1, 1), 2000)
	require.NoError(t, err)
	require.Same(t, &e.pieces[0].otlp[0], &e.message()[0])
	got, err := e.MergeSplit(t.Context(), 2000, exporterhelper.RequestSizerTypeBytes, nil)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Same(t, e, got[0])
}

// What fits into a record goes into one, to the last byte.
func TestARecordIsFilled(t *testing.T) {
	td := numbered(1, []int{3000}, 1, 1)
	size := (&ptrace.ProtoMarshaler{}).TracesSize(td)
	for limit := size; limit < size+40; limit++ {
		e, tooLarge, err := new(desks).encode(td, limit)
		require.NoError(t, err)
		require.Zero(t, tooLarge, limit-size)
		require.Equal(t, 1, e.ItemsCount())
		require.LessOrEqual(t, e.BytesSize(), limit)
	}
}
