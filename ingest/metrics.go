package ingest

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the role, all named tollkeeper_ingest_…
type metrics struct {
	records     *prometheus.CounterVec   // records_total{stream}
	rows        *prometheus.CounterVec   // rows_total{table}
	bytes       *prometheus.CounterVec   // bytes_total{stream}
	waiting     *prometheus.GaugeVec     // waiting_bytes{stream}
	lag         *prometheus.GaugeVec     // lag{stream,partition}
	delay       prometheus.Histogram     // delay_seconds
	insert      *prometheus.HistogramVec // insert_seconds{table}
	retries     *prometheus.CounterVec   // retries_total{step}
	dead        *prometheus.CounterVec   // dead_letters_total{stream,reason}
	gaps        *prometheus.CounterVec   // gap_records_total{partition}
	epochs      *prometheus.CounterVec   // epochs_total{partition}
	replayed    prometheus.Counter       // replayed_records_total
	generations *prometheus.CounterVec   // generations_total{stream}
	partitions  *prometheus.GaugeVec     // partitions{stream}
	age         prometheus.GaugeFunc     // ledger_age_seconds
}

const namePrefix = "tollkeeper_ingest_"

// newMetrics registers them; age is asked for ledger_age_seconds at each scrape.
func newMetrics(registry prometheus.Registerer, age func() float64) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: namePrefix + name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: namePrefix + name, Help: help}, labels)
	}
	seconds := []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 3600}
	m := &metrics{
		records: counter("records_total", "Kafka records stored or dead-lettered.", "stream"),
		rows:    counter("rows_total", "Rows inserted.", "table"),
		bytes:   counter("bytes_total", "Bytes of Kafka records stored or dead-lettered.", "stream"),
		waiting: gauge("waiting_bytes", "Bytes of records read but not stored yet.", "stream"),
		lag:     gauge("lag", "Records of a partition that are not stored yet.", "stream", "partition"),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: namePrefix + "delay_seconds", Buckets: seconds,
			Help: "From the collector's receipt of the oldest call of an insert to its commit.",
		}),
		insert: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: namePrefix + "insert_seconds", Help: "Time of one insert.", Buckets: seconds,
		}, []string{"table"}),
		retries:     counter("retries_total", "Failed attempts that are tried again.", "step"),
		dead:        counter("dead_letters_total", "Records or rows set aside.", "stream", "reason"),
		gaps:        counter("gap_records_total", "Offsets that were gone before they were stored: lost calls.", "partition"),
		epochs:      counter("epochs_total", "Times a partition's log turned out to be another one.", "partition"),
		replayed:    prometheus.NewCounter(prometheus.CounterOpts{Name: namePrefix + "replayed_records_total", Help: "Records stored again after a crash or a rebalance; they change nothing."}),
		generations: counter("generations_total", "Assignments of partitions received.", "stream"),
		partitions:  gauge("partitions", "Partitions assigned.", "stream"),
		age: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: namePrefix + "ledger_age_seconds",
			Help: "Time since which the ledger isn't known to be complete for this member's partitions; idle or not, below a second is usual."}, age),
	}
	if registry == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.records, m.rows, m.bytes, m.waiting, m.lag, m.delay, m.insert, m.retries, m.dead, m.gaps, m.epochs, m.replayed,
		m.generations, m.partitions, m.age,
	} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
