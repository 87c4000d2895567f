package collector

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
)

// BenchmarkCollector sends requests of 99 spans with 20 attributes, a third of them calls to a model, and gives spans/s and
// the CPU of the whole process per span: that of the client and the broker is in it, the same for every row. "plain" is
// the standard Collector writing otlp_proto to Kafka with the same exporter and queue; DESIGN §6 bounds the difference.
func BenchmarkCollector(b *testing.B) {
	unused := map[string]any{"receivers": []string{"otlp/unused"}}
	plain := map[string]any{
		"receivers": map[string]any{"otlp/unused": map[string]any{"protocols": map[string]any{"grpc": map[string]any{"endpoint": "127.0.0.1:0"}}}},
		"service": map[string]any{"pipelines": map[string]any{
			"traces":       map[string]any{"processors": []string{"memory_limiter"}, "exporters": []string{"payloadkafka"}},
			"traces/calls": unused, "traces/payload": unused,
		}},
	}
	all := map[string]any{"processors": map[string]any{"llmsampling": map[string]any{"probability": 1}}}
	for _, clients := range []int{1, 8, 64} {
		for _, row := range []struct {
			name    string
			overlay map[string]any
		}{{"plain", plain}, {"ours_keeping_10%", nil}, {"ours_keeping_100%", all}} {
			b.Run(fmt.Sprintf("%s/clients=%d", row.name, clients), func(b *testing.B) { benchmark(b, clients, row.overlay) })
		}
	}
}

func benchmark(b *testing.B, clients int, overlay map[string]any) {
	broker := kafkatest.New(b)
	cfg := DefaultConfig()
	cfg.GRPC, cfg.HTTP, cfg.Brokers, cfg.Overlay = "127.0.0.1:0", "", broker.Brokers, overlay
	cfg.MemoryLimitMiB, cfg.PayloadMemoryLimitMiB, cfg.PayloadQueueMiB = 6000, 5000, 1000 // the broker keeps its records in this heap
	c, err := New(cfg, Deps{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	require.Eventually(b, func() bool { return c.Ready(ctx) == nil }, 20*time.Second, 5*time.Millisecond)
	requests := make([]ptraceotlp.ExportRequest, 8)
	for i := range requests {
		requests[i] = ptraceotlp.NewExportRequestFromTraces(benchTraces(b))
	}
	conns := make([]ptraceotlp.GRPCClient, clients)
	for i := range conns {
		conn, err := grpc.NewClient(c.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(b, err)
		defer conn.Close()
		conns[i] = ptraceotlp.NewGRPCClient(conn)
	}
	var next atomic.Int64
	var group sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	cpu := cpuTime()
	for i := range clients {
		group.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if _, err := conns[i].Export(ctx, requests[i%len(requests)]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	spans := float64(b.N * 99)
	b.ReportMetric(spans/b.Elapsed().Seconds(), "spans/s")
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/spans, "cpu-ns/span")
	cancel()
	require.NoError(b, <-done)
}

// benchTraces are 33 traces of 3 spans with 20 attributes each.
func benchTraces(b *testing.B) ptrace.Traces {
	td := testTraces(b, 33, 1)
	ss := td.ResourceSpans().At(0).ScopeSpans().At(0)
	for i := range 33 {
		extra := newSpan(ss.Spans().AppendEmpty(), ss.Spans().At(i).TraceID(), "SELECT orders", time.Now())
		extra.Attributes().PutStr("db.system", "postgresql")
	}
	for span := range spansOf(td) {
		for i := 0; span.Attributes().Len() < 20; i++ {
			span.Attributes().PutStr(fmt.Sprintf("app.attribute.%d", i), "some value of usual length")
		}
	}
	return td
}

// cpuTime of this process, user and system.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
