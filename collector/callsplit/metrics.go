package callsplit

import (
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const scope = "github.com/tollkeeper/tollkeeper/collector/callsplit"

// metrics of the connector. Prometheus names end in _total for counters.
type metrics struct {
	spans     metric.Int64Counter       // spans that came in
	calls     metric.Int64Counter       // calls handed on and acknowledged
	refused   metric.Int64Counter       // calls refused, by reason: error, timeout, full
	inFlight  metric.Int64UpDownCounter // requests waiting for the calls pipeline
	offered   metric.Int64Counter       // spans offered to a best-effort pipeline
	discarded metric.Int64Counter       // spans a best-effort pipeline refused
}

func newMetrics(p metric.MeterProvider) (m metrics, err error) {
	meter := p.Meter(scope)
	counter := func(name, help string) metric.Int64Counter {
		c, e := meter.Int64Counter("tollkeeper_collector_"+name, metric.WithDescription(help))
		err = errors.Join(err, e)
		return c
	}
	m.spans = counter("spans", "Spans received, billable or not.")
	m.calls = counter("calls", "Calls acknowledged by the calls pipeline: they are in Kafka.")
	m.refused = counter("calls_refused", "Calls refused with a retryable error, by reason (error, timeout, full). The client keeps them.")
	m.offered = counter("payload_spans_offered", "Spans offered to a best-effort pipeline after their money was safe.")
	m.discarded = counter("payload_spans_discarded", "Spans that a best-effort pipeline refused; no client was told.")
	m.inFlight, _ = meter.Int64UpDownCounter("tollkeeper_collector_calls_requests_in_flight",
		metric.WithDescription("Requests that wait for the calls pipeline."))
	return m, err
}

func reason(s string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", s)))
}

func branchName(s string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("pipeline", s)))
}
