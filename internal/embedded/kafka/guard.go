package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// guard refuses records while the disk has too little room, and runs retention: kfake alone does so hourly.
type guard struct {
	cluster    *kfake.Cluster
	log        *slog.Logger
	dir        string
	minFree    int64
	checkEvery time.Duration
	applyEvery time.Duration
	measure    func(string) (int64, error)
	topics     []topic
	metrics    *guardMetrics

	mu      sync.Mutex
	fault   *kfake.FaultHandle // set while records are refused
	refused int                // by faults already removed
	free    int64
	reason  error
}

func newGuard(cfg Config, cluster *kfake.Cluster) (*guard, error) {
	g := &guard{
		cluster: cluster, log: cfg.Log, dir: cfg.Dir, minFree: cfg.MinFree, topics: cfg.topics(),
		checkEvery: cfg.CheckEvery, applyEvery: cfg.ApplyEvery, measure: cfg.Free,
	}
	if g.measure == nil {
		g.measure = freeBytes
	}
	var err error
	g.metrics, err = newGuardMetrics(cfg.Metrics, g)
	return g, err
}

func (g *guard) run(ctx context.Context) {
	check := time.NewTicker(g.checkEvery)
	defer check.Stop()
	apply := time.NewTicker(g.applyEvery)
	defer apply.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-apply.C:
			g.cluster.ApplyRetention()
		case <-check.C:
			g.check()
		}
	}
}

// check measures, and begins or ends refusing. It ends only with an eighth more than the minimum free, so that it
// doesn't flap. Space that can't be measured is no space.
func (g *guard) check() {
	if g.dir == "" {
		return
	}
	free, err := g.measure(g.dir)
	if err == nil && free < g.minFree {
		g.cluster.ApplyRetention()
		free, err = g.measure(g.dir)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free = free
	again := g.minFree + g.minFree/8
	if err != nil || free < again {
		g.reason = g.why(free, again, err)
	}
	switch {
	case g.fault == nil && (err != nil || free < g.minFree):
		g.fault = g.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.KafkaStorageError, Count: -1})
		g.log.Error("refusing records: the disk is nearly full", "free_bytes", free, "min_free_bytes", g.minFree, "dir", g.dir, "reason", g.reason)
	case g.fault != nil && err == nil && free >= again:
		g.refused += g.fault.Hits()
		g.fault.Remove()
		g.fault = nil
		g.log.Info("accepting records again", "free_bytes", free, "dir", g.dir)
	}
}

// why says what is full, where, and what to do.
func (g *guard) why(free, again int64, err error) error {
	if err != nil {
		return fmt.Errorf("records are refused: %w", err)
	}
	return fmt.Errorf("records are refused, and senders told to come back: the disk of the embedded broker has %s free at %s, and %s have to stay (kafka.embedded.min_free); "+
		"free disk space there until %s are (the engine's data is on it too, unless you moved it: tollkeeper storage report), or shorten kafka.embedded.calls.age",
		mebibytes(free), g.dir, mebibytes(g.minFree), mebibytes(again))
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }

func (g *guard) refusing() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fault == nil {
		return nil
	}
	return g.reason
}

func (g *guard) counts() (free int64, refusing bool, refused int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	refused = g.refused
	if g.fault != nil {
		refused += g.fault.Hits()
	}
	return g.free, g.fault != nil, refused
}

func (g *guard) close() { g.metrics.close() }

// guardMetrics reads the broker at each scrape.
type guardMetrics struct {
	guard    *guard
	registry prometheus.Registerer
	free     *prometheus.Desc
	refusing *prometheus.Desc
	refused  *prometheus.Desc
	bytes    *prometheus.Desc
	records  *prometheus.Desc
}

func newGuardMetrics(registry prometheus.Registerer, g *guard) (*guardMetrics, error) {
	m := &guardMetrics{
		guard: g, registry: registry,
		free:     prometheus.NewDesc("tollkeeper_kafka_free_bytes", "Free bytes on the file system of the broker's directory.", nil, nil),
		refusing: prometheus.NewDesc("tollkeeper_kafka_refusing", "1 while records are refused because the disk is nearly full.", nil, nil),
		refused:  prometheus.NewDesc("tollkeeper_kafka_refused_total", "Produce requests refused because the disk is nearly full.", nil, nil),
		bytes:    prometheus.NewDesc("tollkeeper_kafka_bytes", "Bytes kept in a topic.", []string{"topic"}, nil),
		records:  prometheus.NewDesc("tollkeeper_kafka_records", "Records kept in a topic.", []string{"topic"}, nil),
	}
	if registry == nil {
		return m, nil
	}
	if err := registry.Register(m); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}

func (m *guardMetrics) close() {
	if m.registry != nil {
		m.registry.Unregister(m)
	}
}

// Describe implements prometheus.Collector.
func (m *guardMetrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *guardMetrics) Collect(ch chan<- prometheus.Metric) {
	free, refusing, refused := m.guard.counts()
	on := 0.0
	if refusing {
		on = 1
	}
	ch <- prometheus.MustNewConstMetric(m.free, prometheus.GaugeValue, float64(free))
	ch <- prometheus.MustNewConstMetric(m.refusing, prometheus.GaugeValue, on)
	ch <- prometheus.MustNewConstMetric(m.refused, prometheus.CounterValue, float64(refused))
	for _, t := range m.guard.topics {
		var bytes, records int64
		for _, p := range m.guard.cluster.PartitionInfos(t.name) {
			bytes += p.NumBytes
			records += p.HighWatermark - p.LogStartOffset
		}
		ch <- prometheus.MustNewConstMetric(m.bytes, prometheus.GaugeValue, float64(bytes), t.name)
		ch <- prometheus.MustNewConstMetric(m.records, prometheus.GaugeValue, float64(records), t.name)
	}
}
