package callskafka

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/tollkeeper/tollkeeper/collector/callskafka/internal/metadata"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// NewFactory makes the exporter's factory, type "callskafka".
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, createDefaultConfig,
		exporter.WithTraces(createTraces, metadata.TracesStability))
}

func createDefaultConfig() component.Config {
	return &Config{
		Topic: ledger.TopicCalls, ClientID: "tollkeeper-collector-calls",
		Timeout: 5 * time.Second, ShutdownTimeout: 3 * time.Second,
		MaxRecordBytes: 900_000, MaxBufferedBytes: 64 << 20,
	}
}

func createTraces(_ context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	m, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &callsExporter{cfg: *cfg.(*Config), log: set.Logger, metrics: m, linger: linger}, nil
}
