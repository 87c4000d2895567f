package collector

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/collector/callsplit"
	"github.com/tollkeeper/tollkeeper/collector/countsink"
	"github.com/tollkeeper/tollkeeper/collector/llmcost"
	"github.com/tollkeeper/tollkeeper/collector/llmsampling"
	"github.com/tollkeeper/tollkeeper/collector/tenantauth"
	"github.com/tollkeeper/tollkeeper/collector/tenantlimit"
	"github.com/tollkeeper/tollkeeper/internal/faults"
	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Config of the collector role.
type Config struct {
	// GRPC and HTTP are the listen addresses for OTLP; port 0 chooses a free one. Empty switches that protocol off.
	GRPC string `yaml:"grpc"`
	HTTP string `yaml:"http"`
	// Brokers are the Kafka seed brokers, host:port.
	Brokers []string `yaml:"brokers"`
	// Security is what the brokers ask of clients; the configuration says it once for all roles, in kafka.
	kafkaclient.Security `yaml:"-"`
	// CallsTopic and SpansTopic are where ingest reads; both must exist.
	CallsTopic string `yaml:"calls_topic"`
	SpansTopic string `yaml:"spans_topic"`

	// MaxWait bounds how long a client waits for Kafka before it is told to send again.
	MaxWait time.Duration `yaml:"max_wait"`
	// MaxInFlight bounds the requests that wait for Kafka.
	MaxInFlight int `yaml:"max_in_flight"`
	// MaxRequestMiB bounds one OTLP request, uncompressed, in MiB. A client drops a larger one, calls and all: 512 spans with
	// long prompts are tens of MiB.
	MaxRequestMiB int `yaml:"max_request_mib"`
	// MemoryLimitMiB is the heap of the process, in MiB, above which all data is refused (retryably); it must be above
	// what the other roles in the process need.
	MemoryLimitMiB int `yaml:"memory_limit_mib"`
	// PayloadMemoryLimitMiB is the heap above which payload is shed; below MemoryLimitMiB.
	PayloadMemoryLimitMiB int `yaml:"payload_memory_limit_mib"`
	// PayloadQueueMiB bounds the payload waiting for Kafka, as OTLP, which is how it waits.
	PayloadQueueMiB int `yaml:"payload_queue_mib"`

	// Auth tells tenants by API key; off without a keys file.
	Auth tenantauth.Config `yaml:"auth"`
	// TLS of both receivers; off without a certificate.
	TLS TLS `yaml:"tls"`

	// LLMCost is the configuration of the processor llmcost.
	LLMCost llmcost.Config `yaml:"llmcost"`
	// Limits is the configuration of the processor tenantlimit: what each tenant may send.
	Limits tenantlimit.Config `yaml:"limits"`
	// Sampling is the configuration of the processor llmsampling.
	Sampling llmsampling.Config `yaml:"sampling"`

	// QueueDepth names gauges of model servers, among the metrics that are sent here, that say how many calls wait there.
	QueueDepth []countsink.Queue `yaml:"queue_depth"`

	// Exporters are the user's own, by component id ("otlp/tempo"), each with the settings of the Collector's exporter. Those of
	// traces must keep their queue (waiting.go).
	Exporters map[string]any `yaml:"exporters"`
	// Forward says which of the exporters get which signal.
	Forward Forward `yaml:"forward"`
	// Overlay is merged over the rendered Collector configuration: TLS of the receivers, for example.
	Overlay map[string]any `yaml:"overlay"`
}

// TLS is the receivers' certificate, in files (PEM) that are read again every hour. With ClientCAFile a client must show a
// certificate of that authority.
type TLS struct {
	CertFile     string `yaml:"cert_file"`
	KeyFile      string `yaml:"key_file"`
	ClientCAFile string `yaml:"client_ca_file"`
}

// Forward names exporters by signal. Traces are passed on tagged and unsampled, with all their content: prompts, answers and
// the texts of errors go to these backends whatever sampling.content says.
type Forward struct {
	Traces  []string `yaml:"traces"`
	Metrics []string `yaml:"metrics"`
	Logs    []string `yaml:"logs"`
}

// DefaultConfig listens on this machine only and expects a broker on it.
func DefaultConfig() Config {
	return Config{
		GRPC: "127.0.0.1:4317", HTTP: "127.0.0.1:4318",
		Brokers:    []string{"127.0.0.1:9092"},
		CallsTopic: ledger.TopicCalls, SpansTopic: ledger.TopicSpans,
		MaxWait: 5 * time.Second, MaxInFlight: 1000, MaxRequestMiB: 64,
		MemoryLimitMiB: 1024, PayloadMemoryLimitMiB: 640, PayloadQueueMiB: 32,
		Auth:    *tenantauth.DefaultConfig(),
		LLMCost: *llmcost.DefaultConfig(), Limits: *tenantlimit.DefaultConfig(), Sampling: llmsampling.DefaultConfig(),
	}
}

// Validate reports all problems at once, each with the key, the value and the remedy.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.GRPC == "" && c.HTTP == "" {
		bad("grpc, http: both empty; give at least one listen address, for example 127.0.0.1:4317")
	}
	if _, port, err := net.SplitHostPort(c.GRPC); err == nil && c.GRPC == c.HTTP && port != "0" {
		bad("grpc, http: both are %s; give each its own port", c.GRPC)
	}
	for key, addr := range map[string]string{"grpc": c.GRPC, "http": c.HTTP} {
		if err := hostPort(addr); addr != "" && err != nil {
			bad("%s: %q is not host:port (%w); use for example 127.0.0.1:4317", key, addr, err)
		}
	}
	if len(c.Brokers) == 0 {
		bad("brokers: none given; list at least one Kafka broker as host:port")
	}
	for _, b := range c.Brokers {
		if err := hostPort(b); err != nil || strings.HasPrefix(b, ":") {
			bad("brokers: %q is not host:port (%w); use for example kafka-1:9092", b, cmp.Or(err, errors.New("no host")))
		}
	}
	if c.CallsTopic == "" || c.SpansTopic == "" || c.CallsTopic == c.SpansTopic {
		bad("calls_topic, spans_topic: %q and %q; name two different topics", c.CallsTopic, c.SpansTopic)
	}
	if c.MaxWait <= 0 || c.MaxWait >= callsplit.MaxWaitLimit {
		bad("max_wait: %s is not between 0 and %s, when clients give up; use 5s", c.MaxWait, callsplit.MaxWaitLimit)
	}
	if c.PayloadMemoryLimitMiB >= c.MemoryLimitMiB {
		bad("payload_memory_limit_mib: %d is not below memory_limit_mib %d, so that payload is shed before money is refused", c.PayloadMemoryLimitMiB, c.MemoryLimitMiB)
	}
	for key, v := range map[string]int{
		"max_in_flight": c.MaxInFlight, "max_request_mib": c.MaxRequestMiB, "memory_limit_mib": c.MemoryLimitMiB,
		"payload_memory_limit_mib": c.PayloadMemoryLimitMiB, "payload_queue_mib": c.PayloadQueueMiB,
	} {
		if v <= 0 {
			bad("%s: %d is not positive; the default is a good start", key, v)
		}
	}
	for key, v := range map[string]int{"max_request_mib": c.MaxRequestMiB, "payload_queue_mib": c.PayloadQueueMiB} {
		if v >= c.MemoryLimitMiB {
			bad("%s: %d is not below memory_limit_mib %d: one request, or what waits for Kafka, would be all that may be in memory", key, v, c.MemoryLimitMiB)
		}
	}
	errs = append(errs, c.validateAccess()...)
	errs = append(errs, c.validateForward()...)
	errs = append(errs, c.validateRendered()...)
	for key, err := range map[string]error{"llmcost.": c.LLMCost.Validate(), "limits.": c.Limits.Validate(), "sampling.": c.Sampling.Validate()} {
		if err != nil {
			errs = append(errs, faults.Under(key, err))
		}
	}
	if err := (&countsink.Config{Queues: c.QueueDepth}).Validate(); err != nil {
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		errs = append(errs, checkRendered(c))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return errors.Join(errs...)
}

// hostPort says why addr isn't host:port, where the host may be empty.
func hostPort(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
		return fmt.Errorf("port %q: want a number up to 65535", port)
	}
	return nil
}

// validateForward checks that exporters and their use agree.
func (c *Config) validateForward() (errs []error) {
	used := map[string]bool{}
	for signal, ids := range map[string][]string{"traces": c.Forward.Traces, "metrics": c.Forward.Metrics, "logs": c.Forward.Logs} {
		for _, id := range ids {
			used[id] = true
			if _, ok := c.Exporters[id]; !ok {
				errs = append(errs, fmt.Errorf("forward.%s: %q is not among exporters %v; add it there", signal, id, slices.Sorted(maps.Keys(c.Exporters))))
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.Exporters)) {
		if !used[id] {
			errs = append(errs, fmt.Errorf("exporters: %q gets no signal; add it to forward.traces, forward.metrics or forward.logs", id))
		}
	}
	return errs
}
