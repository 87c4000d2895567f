package tenantlimit

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
)

// Whatever OTLP comes, nothing panics, and until the request is taken each span goes on once: what is refused comes again, and what
// went on before isn't sent again.
func FuzzRequest(f *testing.F) {
	encode := func(td ptrace.Traces) []byte {
		b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(f, err)
		return b
	}
	f.Add(encode(spans(spans(ptrace.NewTraces(), "a", 2), "b", 3, "a")))
	f.Add(encode(spans(spans(spans(ptrace.NewTraces(), "a", 9), "b", 1), "c", 12)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, wire []byte) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(wire)
		if err != nil || td.SpanCount() > 1000 || nameless(td) {
			return
		}
		sent, got, now := td.SpanCount(), 0, time.Unix(1_790_000_000, 0)
		next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error { got += td.SpanCount(); return nil })
		require.NoError(t, err)
		c := &Config{SpansPerSecond: 5, KiBPerSecond: 1, Burst: time.Second, MaxTenants: 2}
		l, err := newLimiter(c, processortest.NewNopSettings(Type), next, func() time.Time { return now })
		require.NoError(t, err)
		for try := range 100 {
			again := ptrace.NewTraces()
			td.CopyTo(again)
			if err := l.ConsumeTraces(t.Context(), again); err == nil {
				require.Equal(t, sent, got, "after %d tries", try)
				return
			}
			now = now.Add(time.Minute)
		}
		t.Fatal("it is never taken")
	})
}

// nameless says that some span has no identity: such a part waits for the others, which TestACallWithoutIdentityIsNeverSentAhead
// looks at.
func nameless(td ptrace.Traces) bool {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if s.TraceID().IsEmpty() || s.SpanID().IsEmpty() {
					return true
				}
			}
		}
	}
	return false
}
