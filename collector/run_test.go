package collector

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestPortInUseIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	cfg := DefaultConfig()
	cfg.GRPC, cfg.HTTP = l.Addr().String(), "127.0.0.1:0"
	c, err := New(cfg, Deps{Log: testLog(t), Metrics: prometheus.NewRegistry()})
	require.NoError(t, err)
	err = c.Run(t.Context())
	require.ErrorContains(t, err, "collector.grpc: "+l.Addr().String()+" is in use")
	require.ErrorContains(t, err, "set collector.grpc to a free port")
}

// A second start on the same registry and the same ports works, and nothing of the first is left.
func TestRestart(t *testing.T) {
	broker := kafkatest.New(t)
	registry := prometheus.NewRegistry()
	cfg := DefaultConfig()
	keepAll(&cfg)
	cfg.GRPC, cfg.HTTP, cfg.Brokers = "127.0.0.1:0", "", broker.Brokers
	for range 3 {
		c, err := New(cfg, Deps{Log: testLog(t), Metrics: registry})
		require.NoError(t, err)
		cfg.GRPC = c.GRPCAddr()
		require.Empty(t, c.HTTPAddr())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		require.Eventually(t, func() bool { return c.Ready(t.Context()) == nil }, 20*time.Second, 5*time.Millisecond)
		cancel()
		require.NoError(t, <-done)
		require.ErrorIs(t, c.Ready(t.Context()), errClosed)
		families, err := registry.Gather()
		require.NoError(t, err)
		require.Empty(t, families)
	}
}

// backend is somebody's own OTLP receiver.
type backend struct {
	ptraceotlp.UnimplementedGRPCServer
	got chan ptrace.Traces
}

func (b *backend) Export(_ context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	td := ptrace.NewTraces()
	req.Traces().CopyTo(td)
	b.got <- td
	return ptraceotlp.NewExportResponse(), nil
}

// Traces are passed on tagged, unsampled and without what is only for inside.
func TestForward(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server, sink := grpc.NewServer(), &backend{got: make(chan ptrace.Traces, 10)}
	ptraceotlp.RegisterGRPCServer(server, sink)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-served })

	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, func(cfg *Config) {
		cfg.Sampling.Probability = 0
		cfg.Exporters = map[string]any{"otlp/theirs": map[string]any{
			"endpoint": l.Addr().String(), "tls": map[string]any{"insecure": true},
		}}
		cfg.Forward.Traces = []string{"otlp/theirs"}
	})
	require.NoError(t, c.client(t, "grpc")(t.Context(), testTraces(t, 1, 1)))
	td := <-sink.got
	require.Equal(t, 2, td.SpanCount())
	for span := range spansOf(td) {
		require.NotContains(t, span.Attributes().AsRaw(), ledger.AttrCall)
		if _, ok := span.Attributes().Get("gen_ai.operation.name"); ok {
			require.Contains(t, span.Attributes().AsRaw(), "tollkeeper.cost.usd")
		}
	}
	require.Len(t, calls(t, broker), 1)
	require.NoError(t, c.stop())
	require.Empty(t, storedSpans(t, broker))
}

// What is kept of the payload changes nothing about money: the same traffic, sampled at 0 %, 10 % and 100 %.
func TestMoneyDoesNotDependOnSampling(t *testing.T) {
	traffic := make([]ptrace.Traces, 20)
	for i := range traffic {
		traffic[i] = testTraces(t, 3, 2)
	}
	type outcome struct {
		total ledger.Sum
		calls int
		spans int
	}
	run := func(p float64) (o outcome) {
		broker := kafkatest.New(t)
		c := start(t, broker.Brokers, func(cfg *Config) { cfg.Sampling.Probability = p; cfg.Sampling.MinCost = "" })
		send := c.client(t, "http")
		for _, td := range traffic {
			require.NoError(t, send(t.Context(), td))
		}
		require.NoError(t, c.stop())
		for _, call := range calls(t, broker) {
			require.Empty(t, call.Unpriced)
			o.total = o.total.AddMoney(call.TotalCost())
			o.calls++
		}
		o.spans = len(storedSpans(t, broker))
		return o
	}
	none, some, all := run(0), run(0.1), run(1)
	require.Equal(t, 120, all.calls)
	require.Positive(t, all.total.Sign())
	require.Equal(t, all.total, none.total)
	require.Equal(t, all.total, some.total)
	require.Zero(t, none.spans)
	require.Equal(t, 180, all.spans)
	require.Less(t, some.spans, all.spans)
	require.Equal(t, some.spans, run(0.1).spans, "two collectors decide alike")
}
