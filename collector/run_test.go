package collector

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
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
		keepNone(cfg)
		cfg.Exporters = map[string]any{"otlp/theirs": map[string]any{
			"endpoint": l.Addr().String(), "tls": map[string]any{"insecure": true},
		}}
		cfg.Forward.Traces = []string{"otlp/theirs"}
	})
	require.NoError(t, c.client(t, "grpc")(t.Context(), testTraces(t, 1, 1)))
	td := <-sink.got
	require.Equal(t, 2, td.SpanCount())
	require.NotContains(t, td.ResourceSpans().At(0).Resource().Attributes().AsRaw(), ledger.AttrCalls)
	for span := range spansOf(td) {
		if _, ok := span.Attributes().Get("gen_ai.operation.name"); ok {
			tags := ours(span.Attributes())
			require.NotEmpty(t, tags["tollkeeper.flags"])
			delete(tags, "tollkeeper.flags")
			require.Equal(t, map[string]any{
				"tollkeeper.cost.usd": "0.00036", "tollkeeper.cost": 0.00036, "tollkeeper.usage.fresh_input": int64(1200),
				"tollkeeper.usage.text_output": int64(300), "tollkeeper.price.entry": "openai/gpt-4o-mini",
				"tollkeeper.rule": "otel.openai_v2",
			}, tags)
		}
	}
	tags := ours(td.ResourceSpans().At(0).Resource().Attributes())
	require.NotEmpty(t, tags["tollkeeper.price.version"])
	delete(tags, "tollkeeper.price.version")
	require.Equal(t, map[string]any{
		"tollkeeper.tenant": "acme", "tollkeeper.tenant_source": "resource", "tollkeeper.currency": "USD",
	}, tags)
	require.Len(t, calls(t, broker), 1)
	require.NoError(t, c.stop())
	require.Empty(t, storedSpans(t, broker))
}

// ours are the attributes that only Tollkeeper sets.
func ours(attrs pcommon.Map) map[string]any {
	out := map[string]any{}
	for k, v := range attrs.All() {
		if strings.HasPrefix(k, ledger.AttrPrefix) {
			out[k] = v.AsRaw()
		}
	}
	return out
}
