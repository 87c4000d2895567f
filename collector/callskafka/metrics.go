package callskafka

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

const scope = "github.com/tollkeeper/tollkeeper/collector/callskafka"

// metrics of the exporter. Prometheus names end in _total for counters.
type metrics struct {
	records, bytes, failed metric.Int64Counter
	wait                   metric.Float64Histogram
}

func newMetrics(p metric.MeterProvider) (m metrics, err error) {
	meter := p.Meter(scope)
	counter := func(name, help string) metric.Int64Counter {
		c, e := meter.Int64Counter("tollkeeper_collector_calls_kafka_"+name, metric.WithDescription(help))
		err = errors.Join(err, e)
		return c
	}
	m.records = counter("records", "CallBatch records that Kafka acknowledged.")
	m.bytes = counter("record_bytes", "Bytes of acknowledged CallBatch records before compression.")
	m.failed = counter("records_failed", "CallBatch records that Kafka refused or did not acknowledge in time.")
	wait, e := meter.Float64Histogram("tollkeeper_collector_calls_kafka_wait_seconds",
		metric.WithDescription("Time one request waited for Kafka's acknowledgement."),
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	m.wait = wait
	return m, errors.Join(err, e)
}
