package llmsampling

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tollkeeper/tollkeeper/collector/llmsampling/internal/metadata"
)

// newMetrics makes the processor's metrics, which metadata.yaml lists.
func newMetrics(set component.TelemetrySettings, s *sampler) (*metadata.TelemetryBuilder, error) {
	b, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	gauge := func(value func() int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			o.Observe(value())
			return nil
		}
	}
	return b, errors.Join(
		b.RegisterCollectorSamplingHeldBytesCallback(gauge(func() int64 { return s.bytes })),
		b.RegisterCollectorSamplingTenantsCallback(gauge(func() int64 { return int64(len(s.table.tenants.states)) })),
		b.RegisterCollectorSamplingProbabilityCallback(func(_ context.Context, o metric.Float64Observer) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			o.Observe(s.budget.last.shares.reason, withReason)
			o.Observe(s.budget.last.shares.plain, withoutReason)
			return nil
		}))
}

var (
	withReason    = metric.WithAttributes(attribute.String("traces", "reason"))
	withoutReason = metric.WithAttributes(attribute.String("traces", "other"))
)

// whys are the labels of all that a trace can be kept or dropped for.
var whys = func() map[string]metric.MeasurementOption {
	out := map[string]metric.MeasurementOption{}
	for _, reason := range append([]string{keptFloor, keptRandom, droppedBudget, droppedRandom}, reasonNames[:]...) {
		out[reason] = metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason)))
	}
	return out
}()
