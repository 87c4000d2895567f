package payloadkafka

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/tollkeeper/tollkeeper/collector/payloadkafka/internal/metadata"
)

// NewFactory makes the exporter's factory, type "payloadkafka".
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, func() component.Config { return defaultConfig() },
		exporter.WithTraces(createTraces, metadata.TracesStability))
}

func createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	c := cfg.(*Config)
	m, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("payloadkafka: %w", err)
	}
	w := &writer{cfg: *c, log: set.Logger, metrics: m, cancel: func() {}}
	traces, err := xexporterhelper.NewTracesRequest(ctx, set, w.encode, w.write,
		exporterhelper.WithStart(w.start), exporterhelper.WithShutdown(w.stop),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: c.Timeout}),
		exporterhelper.WithRetry(c.Retry),
		xexporterhelper.WithQueueBatch(c.Queue, xexporterhelper.QueueBatchSettings{}))
	if err != nil {
		return nil, fmt.Errorf("payloadkafka: %w", err)
	}
	return &bounded{Traces: traces, limit: c.ShutdownTimeout, log: set.Logger, giveUp: func() { w.cancel() }}, nil
}
