package collector

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/tollkeeper/tollkeeper/collector/tenantauth"
)

// Rendered is the Collector configuration that c stands for, as YAML: what one would give to a Collector built with ocb. Of a
// password it has the variable to put it in.
func (c *Config) Rendered() (string, error) {
	masked := *c
	if c.SASL.Mechanism != "" {
		masked.SASL.Password, masked.SASL.PasswordFile = "${env:KAFKA_PASSWORD}", ""
	}
	conf, err := render(&masked, c.GRPC, c.HTTP)
	if err != nil {
		return "", err
	}
	b, err := yaml.Marshal(conf.ToStringMap())
	if err != nil {
		return "", fmt.Errorf("render the collector's configuration: %w", err)
	}
	return string(b), nil
}

type section = map[string]any

// render makes the Collector configuration, with the receivers at the given addresses.
func render(c *Config, grpc, http string) (*confmap.Conf, error) {
	calls := c.secured(section{"brokers": c.Brokers, "topic": c.CallsTopic, "timeout": c.MaxWait.String()})
	payload := c.secured(section{"brokers": c.Brokers, "topic": c.SpansTopic, "sending_queue": section{"queue_size": c.PayloadQueueMiB << 20}})
	exporters := section{"callskafka": calls, "payloadkafka": payload, "countsink": counted(c)}
	for id, cfg := range c.Exporters {
		if cfg == nil {
			cfg = section{}
		}
		exporters[id] = cfg
	}
	bestEffort := []string{"traces/payload"}
	if len(c.Forward.Traces) > 0 {
		bestEffort = append(bestEffort, "traces/forward")
	}
	cost, limits, sampling := confmap.New(), confmap.New(), confmap.New()
	if err := errors.Join(cost.Marshal(c.LLMCost), limits.Marshal(c.Limits), sampling.Marshal(c.Sampling)); err != nil {
		return nil, fmt.Errorf("llmcost, limits, sampling: %w", err)
	}
	whole := section{
		"receivers": section{"otlp": section{"protocols": protocols(c, grpc, http)}},
		"processors": section{
			"memory_limiter":         limiter(c.MemoryLimitMiB),
			"memory_limiter/payload": limiter(c.PayloadMemoryLimitMiB),
			"llmcost":                cost.ToStringMap(),
			"tenantlimit":            limits.ToStringMap(),
			"llmsampling":            sampling.ToStringMap(),
		},
		"connectors": section{
			"callsplit": section{
				"calls": "traces/calls", "best_effort": bestEffort, "max_wait": c.MaxWait.String(), "max_in_flight": c.MaxInFlight,
			},
			"eventspans": section{},
		},
		"exporters": exporters,
		"service":   section{"pipelines": pipelines(c)},
	}
	if c.Auth.KeysFile != "" {
		name := tenantauth.Type.String()
		whole["extensions"] = section{name: section{
			"keys_file": c.Auth.KeysFile, "required": c.Auth.Required, "headers": c.Auth.Headers, "reload": c.Auth.Reload.String(),
		}}
		whole["service"].(section)["extensions"] = []string{name}
	}
	conf := confmap.NewFromStringMap(whole)
	if err := conf.Merge(confmap.NewFromStringMap(c.Overlay)); err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	return conf, nil
}

func pipelines(c *Config) section {
	p := section{
		"traces": section{
			"receivers": []string{"otlp", "eventspans"}, "processors": []string{"memory_limiter", "llmcost", "tenantlimit"},
			"exporters": []string{"callsplit"},
		},
		"traces/calls": section{"receivers": []string{"callsplit"}, "exporters": []string{"callskafka"}},
		"traces/payload": section{
			"receivers": []string{"callsplit"}, "processors": []string{"memory_limiter/payload", "llmsampling"},
			"exporters": []string{"payloadkafka"},
		},
		"metrics": section{
			"receivers": []string{"otlp"}, "processors": []string{"memory_limiter"},
			"exporters": append([]string{"countsink"}, c.Forward.Metrics...),
		},
		"logs": section{
			"receivers": []string{"otlp"}, "processors": []string{"memory_limiter"},
			"exporters": append([]string{"eventspans", "countsink"}, c.Forward.Logs...),
		},
	}
	if len(c.Forward.Traces) > 0 {
		p["traces/forward"] = section{
			"receivers": []string{"callsplit"}, "processors": []string{"memory_limiter/payload"},
			"exporters": slices.Clone(c.Forward.Traces),
		}
	}
	return p
}

// counted is the configuration of the sink: nothing, or the gauges to keep.
func counted(c *Config) section {
	out := section{}
	var queues []any
	for _, q := range c.QueueDepth {
		queues = append(queues, section{"metric": q.Metric, "model": q.Model})
	}
	if len(queues) > 0 {
		out["queue_depth"] = queues
	}
	return out
}

// protocols are the listeners. A client that sends a byte now and then, or nothing at all, or has gone without a word, doesn't keep its
// connection: the receiver has no limit of its own for any of these.
func protocols(c *Config, grpc, http string) section {
	p := section{}
	if c.GRPC != "" {
		p["grpc"] = c.access(section{"endpoint": grpc, "max_recv_msg_size_mib": c.MaxRequestMiB, "keepalive": section{
			"server_parameters": section{"time": "1m", "timeout": "20s", "max_connection_idle": "15m"},
		}})
	}
	if c.HTTP != "" {
		p["http"] = c.access(section{"endpoint": http, "max_request_body_size": c.MaxRequestMiB << 20,
			"read_header_timeout": "10s", "read_timeout": "1m", "write_timeout": "2m", "idle_timeout": "5m"})
	}
	return p
}

// limiter is a memory_limiter that refuses above 80 % of mib and forces a collection above mib.
func limiter(mib int) section {
	return section{"check_interval": "500ms", "limit_mib": mib, "spike_limit_mib": mib / 5}
}

const memURI = "mem:collector"

// memProvider gives the Collector its configuration without a file.
func memProvider(conf *confmap.Conf) confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return provider{conf} })
}

type provider struct{ conf *confmap.Conf }

// Retrieve implements confmap.Provider.
func (p provider) Retrieve(context.Context, string, confmap.WatcherFunc) (*confmap.Retrieved, error) {
	return confmap.NewRetrieved(p.conf.ToStringMap())
}

// Scheme implements confmap.Provider.
func (provider) Scheme() string { return "mem" }

// Shutdown implements confmap.Provider.
func (provider) Shutdown(context.Context) error { return nil }

// configProvider is how otelcol reads a rendered configuration.
func configProvider(conf *confmap.Conf) otelcol.ConfigProviderSettings {
	return otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
		URIs: []string{memURI}, ProviderFactories: []confmap.ProviderFactory{memProvider(conf)}, DefaultScheme: "mem",
	}}
}

// checkRendered lets the Collector check the configuration as it would at start, without starting anything: unknown keys
// and bad values of any component come back with their path.
func checkRendered(c *Config) error {
	conf, err := render(c, c.GRPC, c.HTTP)
	if err != nil {
		return err
	}
	p, err := otelcol.NewConfigProvider(configProvider(conf))
	if err != nil {
		return fmt.Errorf("collector configuration: %w", err)
	}
	factories, err := Components()
	if err != nil {
		return err
	}
	parsed, err := p.Get(context.Background(), factories)
	if err != nil {
		return fmt.Errorf("collector configuration: %w", err)
	}
	if err := confmap.Validate(parsed); err != nil {
		return fmt.Errorf("collector configuration: %w", err)
	}
	return nil
}
