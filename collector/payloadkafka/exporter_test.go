package payloadkafka

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func started(t *testing.T, cfg *Config) exporter.Traces {
	t.Helper()
	f := NewFactory()
	e, err := f.CreateTraces(t.Context(), exportertest.NewNopSettings(f.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	return e
}

// What is queued when the stop begins is written; a request larger than a record is cut.
func TestWritesOTLP(t *testing.T) {
	broker := kafkatest.New(t)
	e := started(t, config(t, map[string]any{"brokers": broker.Brokers}))
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range 300 {
		spans.AppendEmpty().Attributes().PutStr("text", string(make([]byte, 10_000)))
	}
	require.NoError(t, e.ConsumeTraces(t.Context(), td))
	require.NoError(t, e.ConsumeTraces(t.Context(), ptrace.NewTraces()))
	require.NoError(t, e.Shutdown(t.Context()))
	got := 0
	for _, r := range broker.Consume(t, ledger.TopicSpans, 4) {
		require.LessOrEqual(t, len(r.Value), 900_000)
		require.Empty(t, r.Key)
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(r.Value)
		require.NoError(t, err)
		got += td.SpanCount()
	}
	require.Equal(t, 300, got)
}

// Small requests that wait share a record.
func TestSmallRequestsShareARecord(t *testing.T) {
	broker := kafkatest.New(t)
	e := started(t, config(t, map[string]any{"brokers": broker.Brokers, "sending_queue": map[string]any{"batch": map[string]any{"flush_timeout": "1h"}}}))
	for i := range 50 {
		require.NoError(t, e.ConsumeTraces(t.Context(), numbered(i, []int{100}, 1, 1)))
	}
	require.NoError(t, e.Shutdown(t.Context()))
	records := broker.Consume(t, ledger.TopicSpans, 1)
	require.Len(t, records, 1)
	require.Len(t, told(t, records[0].Value), 50)
}

// What Kafka may take later is tried again, what it will never take isn't.
func TestFailures(t *testing.T) {
	broker := kafkatest.New(t)
	cfg := config(t, map[string]any{"brokers": broker.Brokers})
	w := &writer{cfg: *cfg, log: zap.NewNop()}
	require.NoError(t, w.start(t.Context(), componenttest.NewNopHost()))
	defer func() { require.NoError(t, w.stop(context.Background())) }()
	request, err := w.encode(t.Context(), numbered(1, []int{10}, 1, 1))
	require.NoError(t, err)
	require.NoError(t, w.write(t.Context(), request))
	fault := broker.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	err = w.write(t.Context(), request)
	require.ErrorIs(t, err, kerr.TopicAuthorizationFailed)
	require.True(t, consumererror.IsPermanent(err))
	fault.Remove()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	err = w.write(gone, request)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, consumererror.IsPermanent(err))
}

// A stop with a dead broker ends, and leaves nothing behind that waits for it (TestMain looks).
func TestStopsWithoutABroker(t *testing.T) {
	e := started(t, config(t, map[string]any{"brokers": []string{"127.0.0.1:1"}, "shutdown_timeout": "100ms",
		"sending_queue": map[string]any{"batch": map[string]any{"flush_timeout": "1ms"}}}))
	for i := range 20 {
		require.NoError(t, e.ConsumeTraces(t.Context(), numbered(i, []int{100}, 1, 1)))
	}
	require.NoError(t, e.Shutdown(t.Context()))
}

type hanging struct {
	exporter.Traces
	gate chan struct{}
}

func (h hanging) Shutdown(context.Context) error { <-h.gate; return errors.New("late") }

func TestShutdownGivesUp(t *testing.T) {
	for name, stuck := range map[string]bool{"what it waits for ends": false, "nothing ends": true} {
		t.Run(name, func(t *testing.T) {
			h := hanging{gate: make(chan struct{})}
			told := false
			b := &bounded{Traces: h, limit: time.Millisecond, log: zap.NewNop(), giveUp: func() {
				if told = true; !stuck {
					close(h.gate)
				}
			}}
			require.NoError(t, b.Shutdown(t.Context()))
			require.True(t, told)
			if stuck {
				close(h.gate)
			}
		})
	}
}
