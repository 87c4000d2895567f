package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// The load: tenants of one service each, in requests as an SDK's batcher sends them, from several clients.
const (
	backgroundTenants = 50
	clients           = 10
	requestsPerSecond = 5 // of each client
)

func background(i int) string { return fmt.Sprintf("tenant-%02d", i) }

// load sends spans to the collector.
type load struct {
	conn    *grpc.ClientConn
	otlp    ptraceotlp.GRPCClient
	running sync.WaitGroup
	on      atomic.Bool
	began   atomic.Int64 // of the count, Unix nanoseconds
	ended   atomic.Int64
	acked   atomic.Int64 // calls while counting
	failed  atomic.Int64

	mu     sync.Mutex
	spikes map[string]sent
}

// sent is when a spike's request was sent and acknowledged.
type sent struct{ at, acked time.Time }

func newLoad(addr string) (*load, error) {
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &load{conn: conn, otlp: ptraceotlp.NewGRPCClient(conn), spikes: map[string]sent{}}, nil
}

func (l *load) close() { _ = l.conn.Close() }
func (l *load) wait()  { l.running.Wait() }

// run sends rate calls a second until ctx ends, at fixed times: a slow answer isn't waited for by the next request.
func (l *load) run(ctx context.Context, rate int) {
	if rate == 0 {
		return
	}
	per := max(1, rate/clients/requestsPerSecond)
	gap := time.Duration(float64(time.Second) * float64(clients*per) / float64(rate))
	for c := range clients {
		l.running.Go(func() {
			if sleep(ctx, gap*time.Duration(c)/clients) != nil {
				return
			}
			tick := time.NewTicker(gap)
			defer tick.Stop()
			n := c
			for {
				td := ptrace.NewTraces()
				for range per {
					n += clients
					call(td, background(n%backgroundTenants), 200, 100)
				}
				l.running.Go(func() { l.send(ctx, td) })
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
	}
}

func (l *load) send(ctx context.Context, td ptrace.Traces) {
	n := int64(td.SpanCount())
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := l.otlp.Export(limited, ptraceotlp.NewExportRequestFromTraces(td)); err != nil {
		l.failed.Add(n)
		return
	}
	if l.on.Load() {
		l.acked.Add(n)
	}
}

func (l *load) counting(on bool) {
	if now := time.Now().UnixNano(); on {
		l.began.Store(now)
	} else {
		l.ended.Store(now)
	}
	l.on.Store(on)
}

// rate is the calls a second that were acknowledged while counting.
func (l *load) rate() float64 {
	return float64(l.acked.Load()) / time.Duration(l.ended.Load()-l.began.Load()).Seconds()
}

// spike makes the call that crosses the tenant's budget: 1.80 USD of one dollar.
func (l *load) spike(ctx context.Context, tenant string) error {
	td := ptrace.NewTraces()
	call(td, tenant, 0, 3_000_000)
	s := sent{at: time.Now()}
	if _, err := l.otlp.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td)); err != nil {
		return err
	}
	s.acked = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spikes[tenant] = s
	return nil
}

// call adds a span of a call to a model, as an instrumentation of today reports it.
func call(td ptrace.Traces, tenant string, in, out int64) {
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "bench")
	rs.Resource().Attributes().PutStr("tenant.id", tenant)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("bench.models")
	s := ss.Spans().AppendEmpty()
	var trace pcommon.TraceID
	var id pcommon.SpanID
	_, _ = rand.Read(trace[:]) // never fails (crypto/rand)
	_, _ = rand.Read(id[:])
	s.SetTraceID(trace)
	s.SetSpanID(id)
	s.SetName("chat gpt-4o-mini")
	now := time.Now()
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Second)))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	a := s.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", "gpt-4o-mini")
	a.PutStr("gen_ai.response.model", "gpt-4o-mini-2024-07-18")
	a.PutStr("openai.response.service_tier", "default")
	a.PutInt("gen_ai.usage.input_tokens", in)
	a.PutInt("gen_ai.usage.output_tokens", out)
	a.PutInt("gen_ai.usage.cache_read.input_tokens", 0)
}
