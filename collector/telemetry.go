package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.uber.org/zap"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/service/telemetry"
)

// telemetryFactory lets the Collector log to log and count in reg, without a port of its own.
func telemetryFactory(log *slog.Logger, reg prometheus.Registerer) telemetry.Factory {
	return telemetry.NewFactory(
		func() component.Config { return &struct{}{} },
		telemetry.WithCreateLogger(func(context.Context, telemetry.LoggerSettings, component.Config) (*zap.Logger, component.ShutdownFunc, error) {
			return zapToSlog(log), nil, nil
		}),
		telemetry.WithCreateMeterProvider(func(context.Context, telemetry.MeterSettings, component.Config) (telemetry.MeterProvider, error) {
			return newMeterProvider(reg)
		}),
	)
}

type meterProvider struct {
	*sdkmetric.MeterProvider
	reg *undoRegisterer
}

func newMeterProvider(reg prometheus.Registerer) (telemetry.MeterProvider, error) {
	undo := &undoRegisterer{Registerer: reg}
	exp, err := otelprom.New(otelprom.WithRegisterer(undo), otelprom.WithoutScopeInfo(), otelprom.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("collector metrics: %w", err)
	}
	return meterProvider{sdkmetric.NewMeterProvider(sdkmetric.WithReader(exp),
		sdkmetric.WithView(without("rpc.*"), without("http.*"))), undo}, nil
}

// without drops instruments: those of the gRPC and HTTP servers multiply by method, status and peer, as the Collector's
// own default views say.
func without(name string) sdkmetric.View {
	return sdkmetric.NewView(sdkmetric.Instrument{Name: name}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})
}

// Shutdown also takes the collector's metrics off the registry, so that a second start on it doesn't clash.
func (m meterProvider) Shutdown(ctx context.Context) error {
	m.reg.undo()
	return m.MeterProvider.Shutdown(ctx)
}

// undoRegisterer remembers what was registered.
type undoRegisterer struct {
	prometheus.Registerer
	mu   sync.Mutex
	done []prometheus.Collector
}

// Register implements prometheus.Registerer.
func (u *undoRegisterer) Register(c prometheus.Collector) error {
	if err := u.Registerer.Register(c); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.done = append(u.done, c)
	return nil
}

func (u *undoRegisterer) undo() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.done {
		u.Unregister(c)
	}
	u.done = nil
}

var errClosed = errors.New("the collector is not running")
