package payloadkafka

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func config(t *testing.T, settings map[string]any) *Config {
	t.Helper()
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(settings).Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
	return cfg
}

// The defaults that contrib has otherwise are ours, before and after a user's settings are read over them.
func TestDefaults(t *testing.T) {
	for name, settings := range map[string]map[string]any{
		"none": {},
		"some": {"brokers": []string{"kafka:9092"}, "shutdown_timeout": "3s", "sending_queue": map[string]any{"num_consumers": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			c := config(t, settings)
			require.Equal(t, ledger.TopicSpans, c.Traces.Topic)
			require.EqualValues(t, -1, c.Producer.RequiredAcks)
			require.Equal(t, "zstd", c.Producer.Compression)
			require.False(t, c.Producer.AllowAutoTopicCreation)
			require.Equal(t, 3*time.Second, c.ShutdownTimeout)
			queue := c.QueueBatchConfig.Get()
			require.False(t, queue.BlockOnOverflow)
			require.False(t, queue.WaitForResult)
			require.Equal(t, "bytes", queue.Sizer.String())
			require.EqualValues(t, 32<<20, queue.QueueSize)
			require.Less(t, queue.Batch.Get().MaxSize, int64(c.Producer.MaxMessageBytes))
		})
	}
	require.Error(t, confmap.NewFromStringMap(map[string]any{"no_such_key": 1}).Unmarshal(NewFactory().CreateDefaultConfig()))
	require.ErrorContains(t, (&Config{}).Validate(), "shutdown_timeout: 0s")
}

// What is queued when the stop begins is written; a batch is cut below a broker's record limit.
func TestWritesOTLP(t *testing.T) {
	broker := kafkatest.New(t)
	cfg := config(t, map[string]any{"brokers": broker.Brokers})
	f := NewFactory()
	e, err := f.CreateTraces(t.Context(), exportertest.NewNopSettings(f.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range 300 {
		spans.AppendEmpty().Attributes().PutStr("text", string(make([]byte, 10_000)))
	}
	require.NoError(t, e.ConsumeTraces(t.Context(), td))
	require.NoError(t, e.Shutdown(t.Context()))
	got := 0
	for _, r := range broker.Consume(t, ledger.TopicSpans, 4) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(r.Value)
		require.NoError(t, err)
		got += td.SpanCount()
	}
	require.Equal(t, 300, got)
}

type hanging struct {
	exporter.Traces
	gate chan struct{}
}

func (h hanging) Shutdown(context.Context) error { <-h.gate; return errors.New("late") }

func TestShutdownGivesUp(t *testing.T) {
	h := hanging{gate: make(chan struct{})}
	defer close(h.gate)
	b := &bounded{Traces: h, limit: time.Millisecond, log: zap.NewNop()}
	require.NoError(t, b.Shutdown(t.Context()))
}
