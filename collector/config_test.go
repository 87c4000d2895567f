package collector

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/collector/tenantauth"
)

var update = flag.Bool("update", false, "write default.yaml anew")

func TestDefaultConfigIsValid(t *testing.T) {
	cfg := DefaultConfig()
	require.NoError(t, cfg.Validate())
	text, err := cfg.Rendered()
	require.NoError(t, err)
	text = "# The Collector configuration that Tollkeeper runs by default, for Collectors built with manifest.yaml.\n" + text
	if *update {
		require.NoError(t, os.WriteFile("default.yaml", []byte(text), 0o644))
	}
	golden, err := os.ReadFile("default.yaml")
	require.NoError(t, err)
	require.Equal(t, string(golden), text, "run go test ./collector -run DefaultConfig -update and look at the difference")
}

// The keys of a YAML file reach the components, those of llmcost and llmsampling included.
func TestConfigKeys(t *testing.T) {
	cfg := DefaultConfig()
	require.NoError(t, yaml.UnmarshalWithOptions([]byte(`
grpc: 127.0.0.1:0
brokers: [kafka-1:9092, kafka-2:9092]
max_wait: 3s
llmcost:
  tenant:
    order: [span]
    default: nobody
sampling:
  decision_wait: 1s
  probability: 0.5
  min_cost: "0.25"
  content_by_tenant: {acme: keep}
exporters:
  otlp/theirs: {endpoint: "localhost:4319"}
forward:
  traces: [otlp/theirs]
  logs: [otlp/theirs]
overlay:
  receivers: {otlp: {protocols: {grpc: {include_metadata: true}}}}
`), &cfg, yaml.DisallowUnknownField()))
	require.NoError(t, cfg.Validate())
	text, err := cfg.Rendered()
	require.NoError(t, err)
	for _, want := range []string{
		"kafka-2:9092", "max_wait: 3s", "default: nobody", "require_auth: false", "decision_wait: 1s", "probability: 0.5", "acme: keep",
		"otlp/theirs", "traces/forward:", "include_metadata: true",
	} {
		require.Contains(t, text, want)
	}
}

// Nobody keeps a connection by saying nothing.
func TestListenersHaveTimeouts(t *testing.T) {
	conf, err := render(new(DefaultConfig()), "127.0.0.1:0", "127.0.0.1:0")
	require.NoError(t, err)
	for _, key := range []string{"http::read_header_timeout", "http::read_timeout", "http::write_timeout", "http::idle_timeout",
		"grpc::keepalive::server_parameters::time", "grpc::keepalive::server_parameters::max_connection_idle"} {
		require.True(t, conf.IsSet("receivers::otlp::protocols::"+key), key)
	}
}

// What is in memory for one request, or waits for Kafka, is less than all that may be.
func TestSizesBelowTheMemoryLimit(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxRequestMiB, cfg.PayloadQueueMiB = 99999999999, cfg.MemoryLimitMiB
	err := cfg.Validate()
	require.ErrorContains(t, err, "max_request_mib: 99999999999 is not below memory_limit_mib")
	require.ErrorContains(t, err, "payload_queue_mib: 1024 is not below memory_limit_mib")
}

// Every problem is told at once, with the key, the value and the remedy.
func TestConfigProblems(t *testing.T) {
	cfg := DefaultConfig()
	cfg.GRPC = "4317"
	cfg.Brokers = []string{"kafka"}
	cfg.MaxWait = 0
	cfg.PayloadMemoryLimitMiB = 2048
	cfg.Sampling.Probability = 10
	cfg.Sampling.MinCost = "a lot"
	cfg.LLMCost.Tenant.Order = []string{"guess"}
	cfg.Exporters = map[string]any{"otlp/unused": nil}
	cfg.Forward.Metrics = []string{"otlp/unknown"}
	err := cfg.Validate()
	for _, want := range []string{
		`grpc: "4317" is not host:port`, `brokers: "kafka" is not host:port`, "max_wait: 0s", "payload_memory_limit_mib: 2048",
		"probability: 10", `min_cost: "a lot"`, `"guess" is not a source`, `exporters: "otlp/unused" gets no signal`,
		`forward.metrics: "otlp/unknown" is not among exporters`,
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestProtocolsNeedTwoPorts(t *testing.T) {
	cfg := DefaultConfig()
	cfg.HTTP = cfg.GRPC
	require.ErrorContains(t, cfg.Validate(), "both are 127.0.0.1:4317")
	cfg.HTTP, cfg.GRPC = "127.0.0.1:0", "127.0.0.1:0"
	require.NoError(t, cfg.Validate())
}

// What only the Collector can check comes back with its path.
func TestConfigProblemsOfComponents(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Exporters = map[string]any{"otlp/theirs": map[string]any{"endpoint": "localhost:4319", "no_such_key": 1}}
	cfg.Forward.Traces = []string{"otlp/theirs"}
	require.ErrorContains(t, cfg.Validate(), "no_such_key")
	cfg = DefaultConfig()
	cfg.Overlay = map[string]any{"connectors": map[string]any{"callsplit": map[string]any{"max_wait": "20s"}}}
	require.ErrorContains(t, cfg.Validate(), "max_wait: 20s")
}

// An exporter of traces must take spans without making the request wait: money's client would wait with it (DESIGN law 2).
func TestForwardingMustNotHoldRequests(t *testing.T) {
	type m = map[string]any
	for name, c := range map[string]struct {
		exporter, overlay m
		want              string
	}{
		"the defaults":     {m{}, nil, ""},
		"a larger queue":   {m{"sending_queue": m{"queue_size": 5000, "block_on_overflow": false}}, nil, ""},
		"no queue":         {m{"sending_queue": m{"enabled": false}}, nil, "exporters.otlp/theirs.sending_queue.enabled: false"},
		"blocks when full": {m{"sending_queue": m{"block_on_overflow": true}}, nil, "exporters.otlp/theirs.sending_queue.block_on_overflow: true"},
		"waits for result": {m{"sending_queue": m{"wait_for_result": true}}, nil, "exporters.otlp/theirs.sending_queue.wait_for_result: true"},
		"by the overlay": {m{}, m{"exporters": m{"otlp/theirs": m{"sending_queue": m{"enabled": false}}}},
			"exporters.otlp/theirs.sending_queue.enabled: false"},
		"our own, by the overlay": {m{}, m{"exporters": m{"payloadkafka": m{"sending_queue": m{"block_on_overflow": true}}}},
			"exporters.payloadkafka.sending_queue.block_on_overflow: true"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			c.exporter["endpoint"] = "localhost:4319"
			cfg.Exporters = map[string]any{"otlp/theirs": c.exporter}
			cfg.Forward.Traces = []string{"otlp/theirs"}
			cfg.Overlay = c.overlay
			if c.want == "" {
				require.NoError(t, cfg.Validate())
				return
			}
			require.ErrorContains(t, cfg.Validate(), c.want)
		})
	}
	cfg := DefaultConfig()
	cfg.Exporters = map[string]any{"otlp/theirs": m{"endpoint": "localhost:4319", "sending_queue": m{"enabled": false}}}
	cfg.Forward.Metrics = []string{"otlp/theirs"}
	require.NoError(t, cfg.Validate(), "metrics carry no money")
	cfg = DefaultConfig()
	cfg.Exporters = map[string]any{"callskafka/theirs": m{"brokers": []any{"kafka:9092"}}}
	cfg.Forward.Traces = []string{"callskafka/theirs"}
	require.ErrorContains(t, cfg.Validate(), "callskafka/theirs")
}

// Nobody is authenticated where nobody asks for a key: to require it would book every call on the default tenant.
func TestRequireAuthNeedsAnAuthenticator(t *testing.T) {
	cfg := DefaultConfig()
	cfg.LLMCost.Tenant.RequireAuth, cfg.HTTP = true, ""
	require.ErrorContains(t, cfg.Validate(), `llmcost.tenant.require_auth: true, but the listener grpc asks for no key: every call of it would be booked on "unattributed"`)
	cfg = DefaultConfig()
	cfg.LLMCost.Tenant.Default = "house"
	cfg.Overlay = map[string]any{"processors": map[string]any{"llmcost": map[string]any{"tenant": map[string]any{"require_auth": true}}}}
	require.ErrorContains(t, cfg.Validate(), `booked on "house"`)
	cfg = DefaultConfig()
	cfg.LLMCost.Tenant.RequireAuth = true
	cfg.Auth.KeysFile = filepath.Join(t.TempDir(), "keys.yaml")
	require.ErrorContains(t, cfg.Validate(), "auth: keys_file")
	_, _, err := tenantauth.Create(cfg.Auth.KeysFile, tenantauth.Key{Tenant: "acme"})
	require.NoError(t, err)
	require.NoError(t, cfg.Validate())
}
