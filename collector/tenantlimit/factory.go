package tenantlimit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"

	"github.com/tollkeeper/tollkeeper/collector/tenantlimit/internal/metadata"
)

// Type is the name of the processor in a collector's configuration.
var Type = metadata.Type

// NewFactory returns the processor's factory.
func NewFactory() processor.Factory {
	return processor.NewFactory(Type, func() component.Config { return DefaultConfig() },
		processor.WithTraces(func(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
			return newLimiter(cfg.(*Config), set, next, time.Now)
		}, metadata.TracesStability))
}

func newLimiter(c *Config, set processor.Settings, next consumer.Traces, now func() time.Time) (*limiter, error) {
	l := &limiter{next: next, table: newTable(c, rand.Uint64(), now()), sized: c.sized(), log: set.Logger, now: now}
	var err error
	if l.metrics, err = newMetrics(set.TelemetrySettings, l.table.size); err != nil {
		return nil, fmt.Errorf("tenantlimit: %w", err)
	}
	return l, nil
}
