package tenantlimit

import (
	"context"
	"errors"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// maxNames bounds the tenants that metrics name: names are up to the senders. Refusals of others are counted for otherTenants.
const (
	maxNames     = 200
	otherTenants = "(other)"
)

// metrics of the processor; README.md lists them.
type metrics struct {
	requests, spans, split metric.Int64Counter
	gauge                  metric.Registration

	mu    sync.Mutex
	names map[string]bool
}

func newMetrics(p metric.MeterProvider, tenants func() int64) (*metrics, error) {
	meter := p.Meter("github.com/tollkeeper/tollkeeper/collector/tenantlimit")
	m := &metrics{names: map[string]bool{}}
	var errs [5]error
	m.requests, errs[0] = meter.Int64Counter("tollkeeper_tenantlimit_requests_refused",
		metric.WithDescription("Requests refused for a tenant, retryably, by the limit that it was above."), metric.WithUnit("{request}"))
	m.spans, errs[1] = meter.Int64Counter("tollkeeper_tenantlimit_spans_refused",
		metric.WithDescription("Spans of these requests; each try counts."), metric.WithUnit("{span}"))
	m.split, errs[2] = meter.Int64Counter("tollkeeper_tenantlimit_requests_split",
		metric.WithDescription("Refused requests of which other tenants' spans were taken before."), metric.WithUnit("{request}"))
	gauge, err := meter.Int64ObservableGauge("tollkeeper_tenantlimit_tenants", metric.WithDescription("Tenants that are told apart."))
	errs[3] = err
	m.gauge, errs[4] = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(gauge, tenants())
		return nil
	}, gauge)
	return m, errors.Join(errs[:]...)
}

func (m *metrics) close() error { return m.gauge.Unregister() }

func (m *metrics) refuse(ctx context.Context, s *share) {
	labels := metric.WithAttributeSet(attribute.NewSet(attribute.String("tenant", m.name(s.tenant)), attribute.String("limit", s.reason)))
	m.requests.Add(ctx, 1, labels)
	m.spans.Add(ctx, int64(s.spans), labels)
}

func (m *metrics) name(tenant string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.names[tenant]:
	case len(m.names) < maxNames:
		tenant = strings.Clone(tenant)
		m.names[tenant] = true
	default:
		return otherTenants
	}
	return tenant
}
