package payloadkafka

import (
	"context"
	"fmt"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/kafkaexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.uber.org/zap"

	"github.com/tollkeeper/tollkeeper/collector/payloadkafka/internal/metadata"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// DefaultShutdownTimeout bounds the drain of the queue at stop.
const DefaultShutdownTimeout = 3 * time.Second

// Config is contrib's configuration with our defaults, and the bound of the shutdown.
type Config struct {
	kafkaexporter.Config `mapstructure:",squash"`
	ShutdownTimeout      time.Duration `mapstructure:"shutdown_timeout"`
}

// Unmarshal reads both parts: contrib's embedded types have unmarshalers of their own, which hide ours.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	const key = "shutdown_timeout"
	all := conf.ToStringMap()
	if v, ok := all[key]; ok {
		own := struct {
			ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
		}{}
		if err := confmap.NewFromStringMap(map[string]any{key: v}).Unmarshal(&own); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		c.ShutdownTimeout = own.ShutdownTimeout
		delete(all, key)
	}
	return confmap.NewFromStringMap(all).Unmarshal(&c.Config)
}

// Validate reports a bad shutdown_timeout and what contrib finds.
func (c *Config) Validate() error {
	if c.ShutdownTimeout <= 0 {
		return fmt.Errorf("shutdown_timeout: %s is not positive; use 3s", c.ShutdownTimeout)
	}
	return c.Config.Validate()
}

// NewFactory makes the exporter's factory, type "payloadkafka".
func NewFactory() exporter.Factory {
	inner := kafkaexporter.NewFactory()
	return exporter.NewFactory(metadata.Type,
		func() component.Config { return defaultConfig(inner) },
		exporter.WithTraces(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
			c := cfg.(*Config)
			log := set.Logger
			set.ID = component.NewIDWithName(inner.Type(), set.ID.Name())
			traces, err := inner.CreateTraces(ctx, set, &c.Config)
			if err != nil {
				return nil, fmt.Errorf("payloadkafka: %w", err)
			}
			return &bounded{Traces: traces, limit: c.ShutdownTimeout, log: log}, nil
		}, metadata.TracesStability))
}

// defaultConfig changes what contrib's defaults lose: acks of the leader only, no compression, topics created by a typo,
// an unbounded number of bytes in the queue, records over a broker's limit.
func defaultConfig(inner exporter.Factory) *Config {
	c := &Config{Config: *inner.CreateDefaultConfig().(*kafkaexporter.Config), ShutdownTimeout: DefaultShutdownTimeout}
	defaults := confmap.NewFromStringMap(map[string]any{
		"client_id": "tollkeeper-collector-payload",
		"traces":    map[string]any{"topic": ledger.TopicSpans, "encoding": "otlp_proto"},
		"producer": map[string]any{
			"required_acks": -1, "compression": "zstd", "allow_auto_topic_creation": false, "linger": "0s",
		},
		"metadata":         map[string]any{"full": false},
		"timeout":          "5s",
		"retry_on_failure": map[string]any{"enabled": true, "initial_interval": "500ms", "max_interval": "5s", "max_elapsed_time": "60s"},
		"sending_queue": map[string]any{
			"enabled": true, "sizer": "bytes", "queue_size": 32 << 20, "num_consumers": 4, "block_on_overflow": false,
			"batch": map[string]any{"sizer": "bytes", "flush_timeout": "200ms", "min_size": 400_000, "max_size": 900_000},
		},
	})
	if err := defaults.Unmarshal(&c.Config); err != nil {
		panic("payloadkafka: built-in defaults: " + err.Error()) // a typo above, caught by any test
	}
	return c
}

// bounded ends Shutdown after limit.
type bounded struct {
	exporter.Traces
	limit time.Duration
	log   *zap.Logger
}

// Shutdown drains the queue, at most limit.
func (b *bounded) Shutdown(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- b.Traces.Shutdown(context.WithoutCancel(ctx)) }()
	timer := time.NewTimer(b.limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		b.log.Warn("stopped with payload still queued: Kafka did not take it; money is not affected", zap.Duration("waited", b.limit))
		return nil
	}
}
