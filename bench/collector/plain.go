package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/kafkaexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/tollkeeper/tollkeeper/collector"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// plainCollector is what ours are held against: a Collector with one pipeline of the otlp receiver, a memory_limiter and contrib's Kafka
// exporter (otlp_proto), and nothing of ours. Acks, compression, queue and batches are those of our exporter of payload: bounded in bytes. By
// items, queue and batches are bounded by what is counted and not measured: by requests and spans, whatever their size.
type plainCollector struct {
	addr string
	col  *otelcol.Collector
}

func newPlain(brokers []string, memoryMiB, queueMiB int, items bool) (*plainCollector, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	type m = map[string]any
	queue := m{"sizer": "bytes", "queue_size": queueMiB << 20, "num_consumers": 4, "batch": m{"sizer": "bytes", "flush_timeout": "200ms", "min_size": 400_000, "max_size": 900_000}}
	if items {
		queue = m{"sizer": "requests", "queue_size": 5000, "num_consumers": 4, "batch": m{"sizer": "items", "flush_timeout": "200ms", "min_size": 600, "max_size": 1200}}
	}
	conf := confmap.NewFromStringMap(m{
		"receivers":  m{"otlp": m{"protocols": m{"grpc": m{"endpoint": addr}}}},
		"processors": m{"memory_limiter": m{"check_interval": "500ms", "limit_mib": memoryMiB, "spike_limit_mib": memoryMiB / 5}},
		"exporters": m{"kafka": m{
			"brokers": brokers, "traces": m{"topic": ledger.TopicSpans, "encoding": "otlp_proto"}, "timeout": "5s",
			"producer":      m{"required_acks": -1, "compression": "zstd", "allow_auto_topic_creation": false, "linger": "0s"},
			"metadata":      m{"full": false},
			"sending_queue": queue,
		}},
		"service": m{
			"telemetry": m{"logs": m{"level": "error"}, "metrics": m{"readers": []any{m{"pull": m{"exporter": m{"prometheus": m{"host": "127.0.0.1", "port": 0}}}}}}},
			"pipelines": m{"traces": m{"receivers": []string{"otlp"}, "processors": []string{"memory_limiter"}, "exporters": []string{"kafka"}}},
		},
	})
	provide := confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return given{conf} })
	col, err := otelcol.NewCollector(otelcol.CollectorSettings{
		Factories: func() (otelcol.Factories, error) {
			f, err := collector.Components()
			contrib := kafkaexporter.NewFactory()
			f.Exporters[contrib.Type()] = contrib
			return f, err
		},
		BuildInfo:               component.BuildInfo{Command: "plain"},
		DisableGracefulShutdown: true,
		SkipSettingGRPCLogger:   true,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs: []string{"given:"}, ProviderFactories: []confmap.ProviderFactory{provide},
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("plain collector: %w", err)
	}
	return &plainCollector{addr, col}, nil
}

// Run serves until ctx ends.
func (p *plainCollector) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- p.col.Run(context.WithoutCancel(ctx)) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	go p.col.Shutdown()
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		return fmt.Errorf("plain collector: not stopped within 10 s")
	}
}

// Ready is nil when the receiver is open.
func (p *plainCollector) Ready(context.Context) error {
	if p.col.GetState() != otelcol.StateRunning {
		return fmt.Errorf("plain collector: %s", p.col.GetState())
	}
	return nil
}

// GRPCAddr is where OTLP is served.
func (p *plainCollector) GRPCAddr() string { return p.addr }

// given hands out a configuration.
type given struct{ conf *confmap.Conf }

// Retrieve implements confmap.Provider.
func (g given) Retrieve(context.Context, string, confmap.WatcherFunc) (*confmap.Retrieved, error) {
	return confmap.NewRetrieved(g.conf.ToStringMap())
}

// Scheme implements confmap.Provider.
func (given) Scheme() string { return "given" }

// Shutdown implements confmap.Provider.
func (given) Shutdown(context.Context) error { return nil }
