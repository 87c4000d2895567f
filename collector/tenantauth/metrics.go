package tenantauth

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tollkeeper/tollkeeper/collector/tenantauth/internal/metadata"
)

// metrics of the authenticator; metadata.yaml lists them.
type metrics struct{ *metadata.TelemetryBuilder }

func newMetrics(set component.TelemetrySettings, keys func() int64) (metrics, error) {
	b, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return metrics{}, err
	}
	return metrics{b}, b.RegisterTenantauthKeysCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(keys())
		return nil
	})
}

func (m metrics) request(ctx context.Context, result string) {
	m.TenantauthRequests.Add(ctx, 1, labelled(result))
}

func (m metrics) reload(ctx context.Context, result string) {
	m.TenantauthReloads.Add(ctx, 1, labelled(result))
}

func labelled(result string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("result", result)))
}
