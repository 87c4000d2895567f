package tenantlimit

import (
	"context"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tollkeeper/tollkeeper/collector/tenantlimit/internal/metadata"
)

// maxNames bounds the tenants that metrics name: names are up to the senders. Refusals of others are counted for otherTenants.
const (
	maxNames     = 200
	otherTenants = "(other)"
)

// metrics of the processor; metadata.yaml lists them.
type metrics struct {
	*metadata.TelemetryBuilder
	mu    sync.Mutex
	names map[string]bool
}

func newMetrics(set component.TelemetrySettings, tenants func() int64) (*metrics, error) {
	b, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	return &metrics{TelemetryBuilder: b, names: map[string]bool{}}, b.RegisterTenantlimitTenantsCallback(
		func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(tenants())
			return nil
		})
}

func (m *metrics) refuse(ctx context.Context, s *share) {
	labels := metric.WithAttributeSet(attribute.NewSet(attribute.String("tenant", m.name(s.tenant)), attribute.String("limit", s.reason)))
	m.TenantlimitRequestsRefused.Add(ctx, 1, labels)
	m.TenantlimitSpansRefused.Add(ctx, int64(s.spans), labels)
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
