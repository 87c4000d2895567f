package collector

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// What is awaited is looked for this often, and given up after the limit.
const (
	waitLimit = 30 * time.Second
	pollEvery = 20 * time.Millisecond
)

// running is a collector under test.
type running struct {
	*Collector
	registry *prometheus.Registry
	stop     func() error // ends Run and gives its error
}

// start runs a collector on free ports until the test ends and waits until it is ready.
func start(t *testing.T, brokers []string, change func(*Config)) *running {
	t.Helper()
	r := launch(t, brokers, change)
	require.Eventually(t, func() bool { return r.Ready(t.Context()) == nil }, 20*time.Second, 10*time.Millisecond)
	return r
}

// launch is start without the wait for Kafka.
func launch(t *testing.T, brokers []string, change func(*Config)) *running {
	t.Helper()
	cfg := DefaultConfig()
	cfg.GRPC, cfg.HTTP, cfg.Brokers = "127.0.0.1:0", "127.0.0.1:0", brokers
	if change != nil {
		change(&cfg)
	}
	registry := prometheus.NewRegistry()
	c, err := New(cfg, Deps{Log: testLog(t), Metrics: registry, Version: "test"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	r := &running{Collector: c, registry: registry}
	stopped, result := false, error(nil)
	r.stop = func() error {
		if !stopped {
			cancel()
			result, stopped = <-done, true
		}
		return result
	}
	t.Cleanup(func() { require.NoError(t, r.stop()) })
	require.Eventually(t, func() bool { return c.serving() || len(done) > 0 }, 20*time.Second, 5*time.Millisecond)
	if !c.serving() {
		require.NoError(t, r.stop())
	}
	return r
}

// testLog writes to the test's output and, after its end, nowhere.
func testLog(t *testing.T) *slog.Logger {
	w := &endingWriter{w: t.Output()}
	t.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.w = io.Discard
	})
	return slog.New(slog.NewTextHandler(w, nil))
}

type endingWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (w *endingWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(b)
}

// keepAll keeps every span, at once.
func keepAll(c *Config) {
	c.Sampling.Probability = 1
	c.Sampling.DecisionWait = 0
	c.Sampling.BudgetKiB = 0
}

// keepNone keeps nothing but what has a reason, and the traffic of these tests has none.
func keepNone(c *Config) {
	c.Sampling.Probability, c.Sampling.MinCost, c.Sampling.FloorPerMinute, c.Sampling.KeepFirst = 0, "", 0, false
}

// client returns a function that exports traces and gives what an SDK would see: nil, a gRPC status error, or an
// httpError.
func (r *running) client(t *testing.T, protocol string) func(context.Context, ptrace.Traces) error {
	t.Helper()
	if protocol == "http" {
		client := &http.Client{Transport: &http.Transport{}}
		t.Cleanup(client.CloseIdleConnections)
		return func(ctx context.Context, td ptrace.Traces) error {
			body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
			if err != nil {
				return err
			}
			return post(ctx, client, "http://"+r.HTTPAddr()+"/v1/traces", "application/x-protobuf", body)
		}
	}
	conn, err := grpc.NewClient(r.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	client := ptraceotlp.NewGRPCClient(conn)
	return func(ctx context.Context, td ptrace.Traces) error {
		_, err := client.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
		return err
	}
}

// httpError is an answer other than 200.
type httpError struct {
	code       int
	body       string
	retryAfter string
}

func (e httpError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.code, e.body) }

func post(ctx context.Context, client *http.Client, url, contentType string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	err = errors.Join(err, resp.Body.Close())
	if err != nil || resp.StatusCode == http.StatusOK {
		return err
	}
	return httpError{resp.StatusCode, string(text), resp.Header.Get("Retry-After")}
}

// testTraces makes traces of two spans each per call: a web request and, below it, a call to a model as an
// instrumentation of today reports it.
func testTraces(t testing.TB, traces, callsEach int) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	rs.Resource().Attributes().PutStr("tenant.id", "acme")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("opentelemetry.instrumentation.openai_v2")
	now := time.Now()
	for range traces {
		var trace pcommon.TraceID
		binary.NativeEndian.PutUint64(trace[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(trace[8:], rand.Uint64())
		root := newSpan(ss.Spans().AppendEmpty(), trace, "GET /basket", now)
		root.Attributes().PutStr("http.request.method", "GET")
		for range callsEach {
			span := newSpan(ss.Spans().AppendEmpty(), trace, "chat gpt-4o-mini", now)
			span.SetParentSpanID(root.SpanID())
			a := span.Attributes()
			a.PutStr("gen_ai.operation.name", "chat")
			a.PutStr("gen_ai.provider.name", "openai")
			a.PutStr("gen_ai.request.model", "gpt-4o-mini")
			a.PutStr("gen_ai.response.model", "gpt-4o-mini-2024-07-18")
			a.PutStr("gen_ai.response.id", fmt.Sprintf("chatcmpl-%x", rand.Uint64()))
			a.PutInt("gen_ai.usage.input_tokens", 1200)
			a.PutInt("gen_ai.usage.output_tokens", 300)
			a.PutStr("gen_ai.input.messages", `[{"role":"user","content":"secret prompt"}]`)
		}
	}
	return td
}

func newSpan(span ptrace.Span, trace pcommon.TraceID, name string, at time.Time) ptrace.Span {
	var id pcommon.SpanID
	binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	span.SetTraceID(trace)
	span.SetSpanID(id)
	span.SetName(name)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(-time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(at))
	return span
}

// billed are the span ids of td's calls to a model.
func billed(td ptrace.Traces) map[[8]byte]bool {
	ids := map[[8]byte]bool{}
	for span := range spansOf(td) {
		if _, ok := span.Attributes().Get("gen_ai.operation.name"); ok {
			ids[span.SpanID()] = true
		}
	}
	return ids
}

func spansOf(td ptrace.Traces) func(func(ptrace.Span) bool) {
	return func(yield func(ptrace.Span) bool) {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					if !yield(span) {
						return
					}
				}
			}
		}
	}
}

// calls reads every call in the calls topic.
func calls(t *testing.T, b *kafkatest.Broker) []ledger.Call {
	t.Helper()
	var out []ledger.Call
	for _, value := range values(t, b, ledger.TopicCalls) {
		require.NoError(t, ledger.DecodeBatch(value, func(c *ledger.Call, _ []byte) { out = append(out, *c) }))
	}
	return out
}

// storedSpans reads every span in the spans topic.
func storedSpans(t *testing.T, b *kafkatest.Broker) []ptrace.Span {
	t.Helper()
	var out []ptrace.Span
	for _, value := range values(t, b, ledger.TopicSpans) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(value)
		require.NoError(t, err)
		for span := range spansOf(td) {
			out = append(out, span)
		}
	}
	return out
}

// values reads a topic from start to end.
func values(t *testing.T, b *kafkatest.Broker, topic string) [][]byte {
	t.Helper()
	client, err := kgo.NewClient(b.Options(t)...)
	require.NoError(t, err)
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), topic)
	require.NoError(t, err)
	n := 0
	ends.Each(func(o kadm.ListedOffset) { n += int(o.Offset) })
	var out [][]byte
	for _, r := range b.Consume(t, topic, n) {
		out = append(out, r.Value)
	}
	return out
}

// metric is the sum of a metric over its labels, 0 while there is none.
func (r *running) metric(t *testing.T, name string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	require.NoError(t, err)
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}
