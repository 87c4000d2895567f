package payloadkafka

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func config(t *testing.T, settings map[string]any) *Config {
	t.Helper()
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(settings).Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
	return cfg
}

// The defaults that the Collector's queue has otherwise are ours, before and after a user's settings are read over them.
func TestDefaults(t *testing.T) {
	for name, settings := range map[string]map[string]any{
		"none": {"brokers": []string{"kafka:9092"}},
		"some": {"brokers": []string{"kafka:9092"}, "shutdown_timeout": "3s", "sending_queue": map[string]any{"num_consumers": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			c := config(t, settings)
			require.Equal(t, ledger.TopicSpans, c.Topic)
			require.Equal(t, 3*time.Second, c.ShutdownTimeout)
			queue := c.Queue.Get()
			require.False(t, queue.BlockOnOverflow)
			require.False(t, queue.WaitForResult)
			require.Equal(t, "bytes", queue.Sizer.String())
			require.EqualValues(t, 32<<20, queue.QueueSize)
			require.EqualValues(t, c.MaxRecordBytes, queue.Batch.Get().MaxSize)
			require.True(t, c.Retry.Enabled)
			require.Equal(t, time.Minute, c.Retry.MaxElapsedTime)
		})
	}
}

// Every fault is told with its key, and a whole configuration's at once.
func TestFaults(t *testing.T) {
	for key, settings := range map[string]map[string]any{
		"brokers: none given":              {"brokers": []string{}},
		"topic: empty":                     {"topic": ""},
		"timeout: 0s":                      {"timeout": "0s"},
		"shutdown_timeout: 0s":             {"shutdown_timeout": "0s"},
		"max_record_bytes: 100":            {"max_record_bytes": 100},
		"max_record_bytes: 2000000":        {"max_record_bytes": 2_000_000},
		"sasl.mechanism":                   {"sasl": map[string]any{"mechanism": "TELEPATHY"}},
		"sending_queue.storage: disk":      {"sending_queue": map[string]any{"storage": "disk"}},
		"sending_queue.batch.sizer: items": {"sending_queue": map[string]any{"batch": map[string]any{"sizer": "items"}}},
	} {
		c := defaultConfig()
		c.Brokers = []string{"kafka:9092"}
		require.NoError(t, confmap.NewFromStringMap(settings).Unmarshal(c), key)
		require.ErrorContains(t, confmap.Validate(c), key)
	}
	none := (&Config{}).Validate()
	require.ErrorContains(t, none, "brokers")
	require.ErrorContains(t, none, "topic")
	require.Error(t, confmap.NewFromStringMap(map[string]any{"no_such_key": 1}).Unmarshal(defaultConfig()))
}
