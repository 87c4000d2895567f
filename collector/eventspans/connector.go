package eventspans

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tollkeeper/tollkeeper/collector/eventspans/internal/metadata"
)

// Config of the connector: it has no options.
type Config struct{}

// NewFactory makes the connector's factory, type "eventspans".
func NewFactory() connector.Factory {
	return connector.NewFactory(metadata.Type, func() component.Config { return &Config{} },
		connector.WithLogsToTraces(create, metadata.LogsToTracesStability))
}

func create(_ context.Context, set connector.Settings, _ component.Config, next consumer.Traces) (connector.Logs, error) {
	rules, err := Builtin()
	if err != nil {
		return nil, err
	}
	m, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	stop := func(context.Context) error { m.Shutdown(); return nil }
	return &events{ShutdownFunc: stop, rules: rules, next: next, metrics: m}, nil
}

type events struct {
	component.StartFunc
	component.ShutdownFunc
	rules   *Rules
	next    consumer.Traces
	metrics *metadata.TelemetryBuilder
}

// Capabilities says that the records are only read.
func (*events) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeLogs hands on the spans of the events that tell of calls, if there are any, and returns the result of their pipeline.
func (e *events) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	td := e.rules.Spans(ld)
	n := td.SpanCount()
	if n == 0 {
		return nil
	}
	if err := e.next.ConsumeTraces(ctx, td); err != nil {
		return err
	}
	e.metrics.CollectorEventCalls.Add(ctx, int64(n))
	return nil
}
