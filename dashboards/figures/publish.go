package figures

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/tollkeeper/tollkeeper/schema"
)

// publishEvery is how often a process writes its own metrics; publishMost bounds the rows of one write.
const (
	publishEvery = 15 * time.Second
	publishMost  = 2000
)

// Publisher keeps the counters and gauges of this process in the database.
type Publisher struct {
	conn     driver.Conn
	gatherer prometheus.Gatherer
	log      *slog.Logger
	process  string
	last     map[string]float64 // of counters, by name and labels
}

// NewPublisher publishes what gatherer has under names that begin with tollkeeper_.
func NewPublisher(clickhouseURL string, gatherer prometheus.Gatherer, log *slog.Logger) (*Publisher, error) {
	conn, err := schema.Open(clickhouseURL)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	return &Publisher{conn, gatherer, log, fmt.Sprintf("%s/%d", host, os.Getpid()), map[string]float64{}}, nil
}

// Ready always is.
func (p *Publisher) Ready(context.Context) error { return nil }

// Run publishes until ctx ends.
func (p *Publisher) Run(ctx context.Context) error {
	defer p.conn.Close()
	tick := time.NewTicker(publishEvery)
	defer tick.Stop()
	failing := false
	for {
		err := p.Once(ctx, time.Now())
		if err != nil && ctx.Err() == nil && !failing {
			p.log.Warn("own metrics are not kept in the database", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

type sample struct {
	name    string
	labels  map[string]string
	counter uint8
	value   float64
}

// Once writes what there is now: gauges as they are, of counters what was added since the last write that succeeded.
func (p *Publisher) Once(ctx context.Context, now time.Time) error {
	families, gatherErr := p.gatherer.Gather() // with an error, what could be gathered
	reached := map[string]float64{}
	var samples []sample
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "tollkeeper_") || strings.HasPrefix(f.GetName(), "tollkeeper_tenant_") || strings.HasPrefix(f.GetName(), "tollkeeper_model_") {
			continue
		}
		for _, m := range f.GetMetric() {
			s, ok := sampleOf(f, m)
			if !ok {
				continue
			}
			if s.counter == 1 {
				key := s.name + fmt.Sprint(m.GetLabel())
				reached[key] = s.value
				s.value -= p.last[key]
			}
			samples = append(samples, s)
		}
	}
	if len(samples) > publishMost {
		samples = samples[:publishMost]
	}
	batch, err := p.conn.PrepareBatch(ctx, schema.SQL("figures/insert_metrics"))
	if err != nil {
		return errors.Join(gatherErr, fmt.Errorf("write own metrics: %w", err))
	}
	for _, s := range samples {
		if err := batch.Append(now, p.process, s.name, s.labels, s.counter, s.value); err != nil {
			_ = batch.Abort()
			return fmt.Errorf("write own metrics: %w", err)
		}
	}
	if err := batch.Send(); err != nil {
		return errors.Join(gatherErr, fmt.Errorf("write own metrics: %w", err))
	}
	p.last = reached
	return gatherErr
}

func sampleOf(f *dto.MetricFamily, m *dto.Metric) (sample, bool) {
	s := sample{name: f.GetName(), labels: map[string]string{}}
	switch f.GetType() {
	case dto.MetricType_COUNTER:
		s.counter, s.value = 1, m.GetCounter().GetValue()
	case dto.MetricType_GAUGE:
		s.value = m.GetGauge().GetValue()
	default:
		return s, false // histograms stay Prometheus's
	}
	for _, l := range m.GetLabel() {
		s.labels[l.GetName()] = l.GetValue()
	}
	return s, true
}
