package figures

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
)

// gauges are the numbers per tenant and model of the last refresh, for Prometheus and autoscalers. Tenants beyond the
// configured number are one series with an empty name. They are for scaling and alerting: amounts are floats here and
// nowhere else.
type gauges struct {
	mu      sync.Mutex
	tenants []tenantNow
	models  []modelNow
}

type tenantNow struct {
	name                                      string
	monthUSD, usdPerHour, calls, errors, p95s float64
}

type modelNow struct {
	name            string
	tokens, limited uint64
	quota           int64
}

var (
	monthUSD = prometheus.NewDesc("tollkeeper_tenant_month_spend_usd", "Spend of this month so far, UTC, in USD; a lower bound where calls are unpriced.", []string{"tenant"}, nil)
	perHour  = prometheus.NewDesc("tollkeeper_tenant_spend_usd_per_hour", "Spend of the last five whole minutes, as USD an hour.", []string{"tenant"}, nil)
	requests = prometheus.NewDesc("tollkeeper_tenant_requests_per_second", "Calls a second in the last five whole minutes.", []string{"tenant"}, nil)
	failures = prometheus.NewDesc("tollkeeper_tenant_errors_per_second", "Failed calls a second in the last five whole minutes.", []string{"tenant"}, nil)
	p95      = prometheus.NewDesc("tollkeeper_tenant_latency_p95_seconds", "95th percentile of the duration of the calls of the last five whole minutes; no series without calls.", []string{"tenant"}, nil)
	tokens   = prometheus.NewDesc("tollkeeper_model_tokens_per_minute", "Tokens of the last whole minute, all tenants.", []string{"model"}, nil)
	headroom = prometheus.NewDesc("tollkeeper_model_headroom_ratio", "What is left of a configured quota of tokens a minute: 1 is all, 0 none, negative is over it; no series without a quota.", []string{"model"}, nil)
	limited  = prometheus.NewDesc("tollkeeper_model_rate_limited_per_minute", "Calls of the last whole minute that were refused for rate, all tenants.", []string{"model"}, nil)
)

func newGauges() *gauges { return &gauges{} }

// Describe lists the metrics.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{monthUSD, perHour, requests, failures, p95, tokens, headroom, limited} {
		out <- d
	}
}

// Collect tells the numbers of the last refresh.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gauge := func(d *prometheus.Desc, v float64, label string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, label)
	}
	for _, t := range g.tenants {
		gauge(monthUSD, t.monthUSD, t.name)
		gauge(perHour, t.usdPerHour, t.name)
		gauge(requests, t.calls, t.name)
		gauge(failures, t.errors, t.name)
		if !math.IsNaN(t.p95s) {
			gauge(p95, t.p95s, t.name)
		}
	}
	for _, m := range g.models {
		gauge(tokens, float64(m.tokens), m.name)
		gauge(limited, float64(m.limited), m.name)
		if m.quota > 0 {
			gauge(headroom, 1-float64(m.tokens)/float64(m.quota), m.name)
		}
	}
}

// Refresh reads the numbers anew. Where the database doesn't answer the series go away rather than stand still.
func (f *Figures) Refresh(ctx context.Context) error {
	tenants, models, err := f.now(ctx)
	f.gauge.mu.Lock()
	defer f.gauge.mu.Unlock()
	f.gauge.tenants, f.gauge.models = tenants, models
	return err
}

func (f *Figures) now(ctx context.Context) ([]tenantNow, []modelNow, error) {
	tenants, err := read(ctx, f.conn, "figures/tenants_now", clickhouse.Parameters{"most": fmt.Sprint(f.cfg.Tenants)}, func(r driver.Rows, t *tenantNow) error {
		return r.Scan(&t.name, &t.monthUSD, &t.usdPerHour, &t.calls, &t.errors, &t.p95s)
	})
	if err != nil {
		return nil, nil, err
	}
	models, err := read(ctx, f.conn, "figures/models_now", nil, func(r driver.Rows, m *modelNow) error { return r.Scan(&m.name, &m.tokens, &m.limited) })
	if err != nil {
		return nil, nil, err
	}
	seen := map[string]bool{}
	for i, m := range models {
		models[i].quota = f.deps.Quotas[m.name]
		seen[m.name] = true
	}
	for name, quota := range f.deps.Quotas { // a quota that nobody uses has all its headroom
		if !seen[name] {
			models = append(models, modelNow{name: name, quota: quota})
		}
	}
	return tenants, models, nil
}
