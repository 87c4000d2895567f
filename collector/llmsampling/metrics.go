package llmsampling

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const scope = "github.com/tollkeeper/tollkeeper/collector/llmsampling"

// metrics of the processor. Prometheus names end in _total for counters.
type metrics struct {
	kept    metric.Int64Counter // spans kept, by reason
	dropped metric.Int64Counter // spans of traces not kept
	refused metric.Int64Counter // spans kept but refused by the next consumer
	hurried metric.Int64Counter // batches decided before their time for want of room
	late    metric.Int64Counter // spans whose trace had been decided
	content metric.Int64Counter // content attributes taken off
	cut     metric.Int64Counter // values cut at max_value_bytes

	keptBytes, droppedBytes metric.Int64Counter // of these spans
}

func newMetrics(p metric.MeterProvider, s *sampler) (m metrics, err error) {
	meter := p.Meter(scope)
	counter := func(name, help string) metric.Int64Counter {
		c, e := meter.Int64Counter("tollkeeper_collector_sampling_"+name, metric.WithDescription(help))
		err = errors.Join(err, e)
		return c
	}
	m.kept = counter("spans_kept", "Spans kept, by reason.")
	m.dropped = counter("spans_dropped", "Spans of traces that were not worth keeping.")
	m.refused = counter("spans_refused", "Spans kept by the sampler but refused by what comes after it (a full queue).")
	m.hurried = counter("batches_hurried", "Batches decided before decision_wait because max_held_mib was reached.")
	m.late = counter("spans_late", "Spans that came after their trace was decided.")
	m.content = counter("content_attributes_dropped", "Attributes with prompts, answers or texts of errors taken off spans.")
	m.cut = counter("values_cut", "Attribute values cut at max_value_bytes.")
	m.keptBytes = counter("bytes_kept", "Bytes of spans kept, as OTLP, by reason.")
	m.droppedBytes = counter("bytes_dropped", "Bytes of spans that were not kept, as OTLP.")
	gauge := func(name, help string, value func() int64) {
		_, e := meter.Int64ObservableGauge("tollkeeper_collector_sampling_"+name, metric.WithDescription(help),
			metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
				s.mu.Lock()
				defer s.mu.Unlock()
				o.Observe(value())
				return nil
			}))
		err = errors.Join(err, e)
	}
	gauge("held_bytes", "Spans held until their decision, as OTLP plus a fixed amount per trace.", func() int64 { return s.bytes })
	gauge("tenants", "Tenants that are told apart.", func() int64 { return int64(len(s.table.tenants.states)) })
	_, e := meter.Float64ObservableGauge("tollkeeper_collector_sampling_probability",
		metric.WithDescription("Share of traces that the budget and the configuration leave, of those with a reason and of the others."),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			o.Observe(s.budget.last.shares.reason, withReason)
			o.Observe(s.budget.last.shares.plain, withoutReason)
			return nil
		}))
	return m, errors.Join(err, e)
}

var (
	withReason    = metric.WithAttributes(attribute.String("traces", "reason"))
	withoutReason = metric.WithAttributes(attribute.String("traces", "other"))
)

func why(reason string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason)))
}
