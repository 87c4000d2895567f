package countsink

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/metric"
)

const scope = "github.com/tollkeeper/tollkeeper/collector/countsink"

// Config has no settings.
type Config struct{}

// NewFactory makes the exporter's factory, type "countsink".
func NewFactory() exporter.Factory {
	return exporter.NewFactory(component.MustNewType("countsink"), func() component.Config { return &Config{} },
		exporter.WithMetrics(createMetrics, component.StabilityLevelDevelopment),
		exporter.WithLogs(createLogs, component.StabilityLevelDevelopment))
}

type sink struct {
	component.StartFunc
	component.ShutdownFunc
	accepted metric.Int64Counter
}

func newSink(set exporter.Settings, name, help string) (*sink, error) {
	c, err := set.MeterProvider.Meter(scope).Int64Counter("tollkeeper_collector_accepted_"+name, metric.WithDescription(help))
	if err != nil {
		return nil, fmt.Errorf("countsink: counter %s: %w", name, err)
	}
	return &sink{accepted: c}, nil
}

func createMetrics(_ context.Context, set exporter.Settings, _ component.Config) (exporter.Metrics, error) {
	s, err := newSink(set, "metric_points", "Metric data points received and counted.")
	return metricsSink{s}, err
}

func createLogs(_ context.Context, set exporter.Settings, _ component.Config) (exporter.Logs, error) {
	s, err := newSink(set, "log_records", "Log records received and counted.")
	return logsSink{s}, err
}

// Capabilities says that the data is only read.
func (*sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

type metricsSink struct{ *sink }

// ConsumeMetrics counts data points.
func (s metricsSink) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	s.accepted.Add(ctx, int64(md.DataPointCount()))
	return nil
}

type logsSink struct{ *sink }

// ConsumeLogs counts log records.
func (s logsSink) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	s.accepted.Add(ctx, int64(ld.LogRecordCount()))
	return nil
}
