package llmcost

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// httpAttrs are 20 attributes of a span that has nothing to do with a model.
func httpAttrs() map[string]any {
	a := map[string]any{
		"http.request.method": "POST", "http.route": "/v1/orders", "http.response.status_code": 200, "url.path": "/v1/orders/17",
		"url.scheme": "https", "server.address": "shop.example", "server.port": 443, "network.protocol.version": "1.1",
		"user_agent.original": "curl/8", "client.address": "10.0.0.7", "thread.id": 12, "thread.name": "worker-3",
		"db.system.name": "postgresql", "db.namespace": "shop", "db.operation.name": "SELECT", "db.collection.name": "orders",
		"messaging.system": "kafka", "code.function.name": "handle", "code.line.number": 42, "peer.service": "orders",
	}
	return a
}

// modelAttrs are 20 attributes of a call.
func modelAttrs() map[string]any {
	return map[string]any{
		"gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini",
		"gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.response.id": "chatcmpl-9J3uyL8f2k3j4h5g6f7d8s9a0",
		"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 321, "gen_ai.usage.cache_read.input_tokens": 1024,
		"gen_ai.usage.reasoning.output_tokens": 64, "gen_ai.response.finish_reasons": []any{"stop"},
		"gen_ai.request.temperature": 0.2, "gen_ai.request.max_tokens": 1024, "gen_ai.conversation.id": "c-8123",
		"gen_ai.agent.name": "helper", "server.address": "api.openai.com", "server.port": 443, "user.id": "u-77",
		"gen_ai.request.top_p": 1.0, "gen_ai.request.stream": true, "http.response.status_code": 200,
	}
}

const benchSpans = 1000

func benchTraces(b *testing.B, scope string, attrs map[string]any) ptrace.Traces {
	b.Helper()
	td, first := oneSpan(scope, map[string]any{"service.name": "shop", "tenant.id": "acme"}, attrs)
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for range benchSpans - 1 {
		first.CopyTo(spans.AppendEmpty())
		first = spans.At(0)
	}
	for i, s := range spans.All() {
		s.SetSpanID([8]byte{9, byte(i), byte(i >> 8)})
		if _, ok := s.Attributes().Get("gen_ai.response.id"); ok {
			s.Attributes().PutStr("gen_ai.response.id", fmt.Sprintf("chatcmpl-9J3uyL8f2k3j4h5g6f7d8s%04d", i))
		}
	}
	require.Equal(b, 20, first.Attributes().Len())
	return td
}

// cpuTime is the processor time of this process: on a shared machine it says more than the clock.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// perSpan reports nanoseconds of processor time a span.
func perSpan(b *testing.B, spent time.Duration, rounds int) {
	b.ReportMetric(float64(spent.Nanoseconds())/float64(rounds)/benchSpans, "cpu-ns/span")
}

func BenchmarkOtherSpan(b *testing.B) {
	p := newTest(b, nil)
	td := benchTraces(b, "http", httpAttrs())
	b.ReportAllocs()
	start, rounds := cpuTime(b), 0
	for b.Loop() {
		_, _ = p.process(context.Background(), td)
		rounds++
	}
	perSpan(b, cpuTime(b)-start, rounds)
}

// BenchmarkModelSpan works on traces fresh off the wire; reading them is not counted.
func BenchmarkModelSpan(b *testing.B) {
	p := newTest(b, nil)
	wire, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(benchTraces(b, "app", modelAttrs()))
	require.NoError(b, err)
	b.ReportAllocs()
	var spent time.Duration
	rounds := 0
	for b.Loop() {
		b.StopTimer()
		work, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(wire)
		require.NoError(b, err)
		start := cpuTime(b)
		b.StartTimer()
		_, _ = p.process(context.Background(), work)
		b.StopTimer()
		spent += cpuTime(b) - start
		rounds++
		b.StartTimer()
	}
	perSpan(b, spent, rounds)
}

// BenchmarkReadSpan is the yardstick: reading the same spans off the wire.
func BenchmarkReadSpan(b *testing.B) {
	wire, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(benchTraces(b, "app", modelAttrs()))
	require.NoError(b, err)
	start, rounds := cpuTime(b), 0
	for b.Loop() {
		_, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(wire)
		require.NoError(b, err)
		rounds++
	}
	perSpan(b, cpuTime(b)-start, rounds)
}

func TestOtherSpansDontAllocate(t *testing.T) {
	p := newTest(t, nil)
	run := func(spans int) float64 {
		td, first := oneSpan("http", map[string]any{"service.name": "shop", "tenant.id": "acme"}, httpAttrs())
		list := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
		for range spans - 1 {
			first.CopyTo(list.AppendEmpty())
			first = list.At(0)
		}
		return testing.AllocsPerRun(20, func() { _, _ = p.process(context.Background(), td) })
	}
	one, many := run(1), run(1000)
	require.InDelta(t, one, many, 1, fmt.Sprintf("1 span: %v allocations, 1000 spans: %v", one, many))
}
