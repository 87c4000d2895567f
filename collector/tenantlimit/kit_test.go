package tenantlimit

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// bench is a limiter with a clock by hand and a consumer that remembers.
type bench struct {
	*limiter
	at   time.Time
	mu   sync.Mutex // guards got while requests come side by side
	got  []string   // "tenant/span id" of every span handed on
	fail error
	wait chan struct{} // if not nil, the consumer waits for it
	in   chan struct{} // told of each request that reached the consumer
}

func newBench(t require.TestingT, change func(*Config)) *bench {
	b := &bench{at: time.Unix(1_790_000_000, 0)}
	c := DefaultConfig()
	c.SpansPerSecond, c.KiBPerSecond, c.Burst, c.MaxInFlight = 10, 0, 10*time.Second, 0
	if change != nil {
		change(c)
	}
	require.NoError(t, c.Validate())
	next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
		if b.in != nil {
			b.in <- struct{}{}
			<-b.wait
		}
		if b.fail != nil {
			return b.fail
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					id := s.SpanID()
					b.got = append(b.got, fmt.Sprintf("%s/%d", tenantOf(s.Attributes(), tenantOf(rs.Resource().Attributes(), "?")), binary.BigEndian.Uint64(id[:])))
				}
			}
		}
		return nil
	})
	require.NoError(t, err)
	b.limiter, err = newLimiter(c, processortest.NewNopSettings(Type), next, func() time.Time { return b.at })
	require.NoError(t, err)
	return b
}

var lastID uint64

// spans adds n calls of a tenant to td, on a resource of its own or, with a word for the resource, each naming its tenant itself.
func spans(td ptrace.Traces, tenant string, n int, resource ...string) ptrace.Traces {
	rs := td.ResourceSpans().AppendEmpty()
	of := tenant
	if len(resource) > 0 {
		of = resource[0]
	}
	rs.Resource().Attributes().PutStr(tagTenant, of)
	ss := rs.ScopeSpans().AppendEmpty().Spans()
	for range n {
		s := ss.AppendEmpty()
		lastID++
		var id [8]byte
		binary.BigEndian.PutUint64(id[:], lastID)
		s.SetSpanID(id)
		s.SetTraceID([16]byte{1})
		s.SetName("chat")
		if of != tenant {
			s.Attributes().PutStr(tagTenant, tenant)
		}
		s.Attributes().PutStr(tagRule, "otel.openai_v2")
	}
	return td
}

// wait is what a refused client is told, 0 if it was something else.
func wait(t require.TestingT, err error) time.Duration {
	st := status.Convert(err)
	require.Equal(t, codes.ResourceExhausted, st.Code(), "%v", err)
	require.Len(t, st.Details(), 1)
	return st.Details()[0].(*errdetails.RetryInfo).GetRetryDelay().AsDuration()
}

func distinct(in []string) map[string]bool {
	out := map[string]bool{}
	for _, s := range in {
		out[s] = true
	}
	return out
}

func (b *bench) send(td ptrace.Traces) error {
	again := ptrace.NewTraces()
	td.CopyTo(again) // what is sent is the client's still
	return b.ConsumeTraces(context.Background(), again)
}
