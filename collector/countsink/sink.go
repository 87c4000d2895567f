package countsink

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/metric"

	"github.com/tollkeeper/tollkeeper/collector/countsink/internal/metadata"
)

// Config names the gauges that are kept beside being counted.
type Config struct {
	Queues []Queue `mapstructure:"queue_depth"`
}

// NewFactory makes the exporter's factory, type "countsink".
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, func() component.Config { return &Config{} },
		exporter.WithMetrics(createMetrics, metadata.MetricsStability),
		exporter.WithLogs(createLogs, metadata.LogsStability))
}

type sink struct {
	component.StartFunc
	component.ShutdownFunc
	accepted metric.Int64Counter
}

func createMetrics(_ context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	m, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("countsink: %w", err)
	}
	q := newQueues(cfg.(*Config), time.Now)
	if err := m.RegisterQueueDepthCallback(q.observe); err != nil {
		return nil, fmt.Errorf("countsink: queue depth: %w", err)
	}
	stop := func(context.Context) error { m.Shutdown(); return nil }
	return metricsSink{&sink{ShutdownFunc: stop, accepted: m.CollectorAcceptedMetricPoints}, q}, nil
}

func createLogs(_ context.Context, set exporter.Settings, _ component.Config) (exporter.Logs, error) {
	m, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("countsink: %w", err)
	}
	return logsSink{&sink{accepted: m.CollectorAcceptedLogRecords}}, nil
}

// Capabilities says that the data is only read.
func (*sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

type metricsSink struct {
	*sink
	queues *queues
}

// ConsumeMetrics counts data points and keeps what the named gauges say.
func (s metricsSink) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	s.queues.take(md)
	s.accepted.Add(ctx, int64(md.DataPointCount()))
	return nil
}

type logsSink struct{ *sink }

// ConsumeLogs counts log records.
func (s logsSink) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	s.accepted.Add(ctx, int64(ld.LogRecordCount()))
	return nil
}
