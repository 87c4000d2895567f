package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/otelcol"
)

// stopLimit bounds Run's return after its context ends: requests in flight (max_wait), the flush of calls and of payload
// (3 s each), and some room.
const stopLimit = 8 * time.Second

// Deps are what the collector is given.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// Version goes into the Collector's build info.
	Version string
	// Now is the clock of receipt; nil: this host's.
	Now func() time.Time
	// Trouble says why Kafka takes no calls, where the process knows: senders whose calls are refused are told. Empty: it takes them; nil: nobody
	// knows.
	Trouble func() string
}

// Collector is one running Collector.
type Collector struct {
	cfg        Config
	deps       Deps
	grpc, http string // listen addresses with their ports
	running    atomic.Pointer[otelcol.Collector]
	kafka      *broker
}

// New checks the configuration and chooses ports where 0 was asked for; it starts nothing.
func New(cfg Config, deps Deps) (*Collector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("collector: %w", err)
	}
	c := &Collector{cfg: cfg, deps: deps, kafka: newBroker(cfg)}
	var err error
	if c.grpc, err = choosePort(cfg.GRPC); err != nil {
		return nil, fmt.Errorf("collector: grpc: %w", err)
	}
	if c.http, err = choosePort(cfg.HTTP); err != nil {
		return nil, fmt.Errorf("collector: http: %w", err)
	}
	return c, nil
}

// GRPCAddr is where OTLP/gRPC is served, host:port; empty when switched off.
func (c *Collector) GRPCAddr() string { return c.grpc }

// HTTPAddr is where OTLP/HTTP is served, host:port; empty when switched off.
func (c *Collector) HTTPAddr() string { return c.http }

// Run serves until ctx ends, then drains and returns nil. A broker that isn't there is waited for, not an error. It
// returns within max_wait + 8 s of the end of ctx whatever Kafka does.
func (c *Collector) Run(ctx context.Context) error {
	if err := errors.Join(probePort("grpc", c.grpc), probePort("http", c.http)); err != nil {
		return fmt.Errorf("collector: %w", err)
	}
	conf, err := render(&c.cfg, c.grpc, c.http)
	if err != nil {
		return fmt.Errorf("collector: %w", err)
	}
	col, err := otelcol.NewCollector(otelcol.CollectorSettings{
		Factories: func() (otelcol.Factories, error) {
			f, err := components(c.deps.Now, c.deps.Trouble)
			f.Telemetry = telemetryFactory(c.deps.Log, c.deps.Metrics)
			return f, err
		},
		BuildInfo:               component.BuildInfo{Command: "tollkeeper", Description: "Tollkeeper collector", Version: c.deps.Version},
		DisableGracefulShutdown: true,
		SkipSettingGRPCLogger:   true,
		ConfigProviderSettings:  configProvider(conf),
	})
	if err != nil {
		return fmt.Errorf("collector: %w", err)
	}
	if err := c.kafka.open(); err != nil {
		return fmt.Errorf("collector: %w", err)
	}
	defer c.kafka.close()
	c.running.Store(col)
	defer c.running.Store(nil)
	c.cfg.warnOpen(c.deps.Log)
	c.deps.Log.Info("collector listens for OTLP", "grpc", c.grpc, "http", c.http, "brokers", c.cfg.Brokers)
	return c.serve(ctx, col)
}

// serve runs col until ctx ends, and no longer than the limit after that.
func (c *Collector) serve(ctx context.Context, col *otelcol.Collector) error {
	done := make(chan error, 1)
	go func() { done <- col.Run(context.WithoutCancel(ctx)) }()
	watch, stopWatch := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() { defer close(watched); c.kafka.watch(watch, c.deps.Log) }()
	defer func() { stopWatch(); <-watched }()
	select {
	case err := <-done:
		if err == nil {
			err = errors.New("stopped by itself; the log names the component")
		}
		return fmt.Errorf("collector: %w", err)
	case <-ctx.Done():
	}
	limit := c.cfg.MaxWait + stopLimit
	timer := time.NewTimer(limit)
	defer timer.Stop()
	go col.Shutdown()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("collector: stop: %w", err)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("collector: not stopped within %s; unacknowledged calls stay with their clients", limit)
	}
}

// serving says that the receivers are open.
func (c *Collector) serving() bool {
	col := c.running.Load()
	return col != nil && col.GetState() == otelcol.StateRunning
}

// Ready is nil when the receivers are open and Kafka answers for the calls topic.
func (c *Collector) Ready(ctx context.Context) error {
	if !c.serving() {
		return errClosed
	}
	return c.kafka.ready(ctx)
}
