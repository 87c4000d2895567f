package llmsampling

import (
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
}

func newMetrics(p metric.MeterProvider, held func() int64) (m metrics, err error) {
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
	_, e := meter.Int64ObservableGauge("tollkeeper_collector_sampling_held_bytes",
		metric.WithDescription("Spans held until their decision, as OTLP plus a fixed amount per trace."), metric.WithInt64Callback(gauge(held)))
	return m, errors.Join(err, e)
}

func why(reason string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason)))
}
