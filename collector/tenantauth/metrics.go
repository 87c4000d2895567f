package tenantauth

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics of the authenticator; README.md lists them.
type metrics struct {
	requests, reloads metric.Int64Counter
	gauge             metric.Registration
}

func newMetrics(p metric.MeterProvider, keys func() int64) (*metrics, error) {
	meter := p.Meter("github.com/tollkeeper/tollkeeper/collector/tenantauth")
	m := &metrics{}
	var errs [4]error
	m.requests, errs[0] = meter.Int64Counter("tollkeeper_tenantauth_requests",
		metric.WithDescription("Requests by what became of their key."), metric.WithUnit("{request}"))
	m.reloads, errs[1] = meter.Int64Counter("tollkeeper_tenantauth_reloads",
		metric.WithDescription("Changed keys files: taken, or refused and the old keys kept."), metric.WithUnit("{reload}"))
	gauge, err := meter.Int64ObservableGauge("tollkeeper_tenantauth_keys", metric.WithDescription("Keys in the file, revoked ones included."))
	errs[2] = err
	m.gauge, errs[3] = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(gauge, keys())
		return nil
	}, gauge)
	return m, errors.Join(errs[:]...)
}

func (m *metrics) request(ctx context.Context, result string) {
	m.requests.Add(ctx, 1, labelled(result))
}
func (m *metrics) reload(ctx context.Context, result string) { m.reloads.Add(ctx, 1, labelled(result)) }
func (m *metrics) close() error                              { return m.gauge.Unregister() }

func labelled(result string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("result", result)))
}
