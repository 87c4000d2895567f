package llmsampling

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"

	"github.com/tollkeeper/tollkeeper/collector/llmsampling/internal/metadata"
)

// NewFactory makes the processor's factory, type "llmsampling".
func NewFactory() processor.Factory {
	return processor.NewFactory(metadata.Type,
		func() component.Config { c := DefaultConfig(); return &c },
		processor.WithTraces(func(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
			return newSampler(*cfg.(*Config), set, next, time.Now)
		}, metadata.TracesStability))
}
