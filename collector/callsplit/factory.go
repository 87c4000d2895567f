package callsplit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"

	"github.com/tollkeeper/tollkeeper/collector/callsplit/internal/metadata"
)

// NewFactory makes the connector's factory, type "callsplit".
func NewFactory() connector.Factory { return NewFactoryFor(nil) }

// NewFactoryFor is NewFactory where somebody knows why calls are not recorded: trouble says it, or is empty. nil: nobody does.
func NewFactoryFor(trouble func() string) connector.Factory {
	create := func(ctx context.Context, set connector.Settings, cfg component.Config, next consumer.Traces) (connector.Traces, error) {
		return createTracesToTraces(ctx, set, cfg, next, trouble)
	}
	return connector.NewFactory(metadata.Type, createDefaultConfig, connector.WithTracesToTraces(create, metadata.TracesToTracesStability))
}

func createDefaultConfig() component.Config {
	return &Config{MaxWait: 5 * time.Second, MaxInFlight: 1000}
}

func createTracesToTraces(_ context.Context, set connector.Settings, cfg component.Config, next consumer.Traces, trouble func() string) (connector.Traces, error) {
	c := cfg.(*Config)
	router, ok := next.(connector.TracesRouterAndConsumer)
	if !ok {
		return nil, errors.New("callsplit: the next consumer is not a router; use the connector as a receiver of the calls and best-effort pipelines")
	}
	calls, err := router.Consumer(c.Calls)
	if err != nil {
		return nil, fmt.Errorf("callsplit: calls %q: %w; list the connector among that pipeline's receivers", c.Calls, err)
	}
	s := &splitter{calls: calls, maxWait: c.MaxWait, slots: make(chan struct{}, c.MaxInFlight), log: set.Logger, trouble: trouble}
	for _, id := range c.BestEffort {
		branch, err := router.Consumer(id)
		if err != nil {
			return nil, fmt.Errorf("callsplit: best_effort %q: %w; list the connector among that pipeline's receivers", id, err)
		}
		s.branches = append(s.branches, newBranch(id.String(), branch))
	}
	if s.metrics, err = metadata.NewTelemetryBuilder(set.TelemetrySettings); err != nil {
		return nil, err
	}
	return s, nil
}
