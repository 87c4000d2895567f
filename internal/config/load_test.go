package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
)

func load(t *testing.T, text string, environment map[string]string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "toll.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return Load(path, func(name string) (string, bool) { v, ok := environment[name]; return v, ok })
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	_, err := load(t, `
log: {level: loud, format: xml}
colector: {}
collector: {grcp: "127.0.0.1:1", max_wait: 1h}
kafka: {topics: {replication: 1, min_insync: 2}}
clickhouse: {url: "default:open-sesame@host:8123/db"}
alerts:
  budgets: [{name: b, tenant: acme, period: fortnight, amount: "1", thresold: [5]}]
`, nil)
	require.Error(t, err)
	for _, said := range []string{`log.level "loud"`, `log.format "xml"`, "line 3: unknown key colector", "line 4: unknown key collector.grcp",
		"collector.max_wait", "kafka.topics.replication 1, min_insync 2", "clickhouse.url: want http://", "alerts.budgets[0].period",
		"unknown key alerts.budgets[0].thresold"} {
		require.ErrorContains(t, err, said)
	}
	require.NotContains(t, err.Error(), "open-sesame", "a URL may hold a password")
}

func TestValuesOfAnotherTypeAreNamedAllAtOnce(t *testing.T) {
	_, err := load(t, `
ingest: {tick: 5, spans: maybe, max_fetch: lots}
collector: {max_wait: soon, brokers: kafka-1, limits: {tenants: {acme: {spans_per_second: many}}}}
kafka: {brokers: [[a]], embedded: {calls: {age: "3 days"}}}
alerts: {budgets: [{name: b, tenant: acme, period: month, amount: plenty}]}
http: {listen: "127.0.0.1:99999", hosts: ["toll.example:9464"]}
`, nil)
	require.Error(t, err)
	for _, said := range []string{"line 2: ingest.tick: 5: want a duration with its unit", "line 2: ingest.spans: want true or false",
		"line 2: ingest.max_fetch: want a whole number", "line 3: collector.max_wait: soon: want a duration", "line 3: collector.brokers: want a list",
		"line 3: collector.limits.tenants.acme.spans_per_second: want a", "line 4: kafka.brokers[0]: want one value",
		"line 4: kafka.embedded.calls.age: 3 days: want a duration", "line 5: alerts.budgets[0].amount: ",
		`http.listen "127.0.0.1:99999": want host:port`, `http.hosts[0] "toll.example:9464": want a host's name`} {
		require.ErrorContains(t, err, said)
	}

	_, err = load(t, `kafka: {brokers: ["kafka-1:9092", "kafka://a:9092"]}`, nil)
	require.ErrorContains(t, err, `kafka.brokers[1] "kafka://a:9092": want host:port`)
	require.NotContains(t, err.Error(), "collector.brokers", "told where it stands, and once")
	for _, broker := range []string{":", ":9092", "kafka", "kafka:", "kafka:99999"} {
		_, err = load(t, "kafka: {brokers: ['"+broker+"']}", nil)
		require.ErrorContains(t, err, `kafka.brokers[0] "`+broker+`": want host:port`)
	}

	cfg, err := load(t, "\ufeffingest: {tick: \"500ms\"}\nkafka: &k {brokers: }\n", nil)
	require.NoError(t, err)
	require.Equal(t, 500*time.Millisecond, cfg.Ingest.Tick)
}

// A value of a wrong type hides nothing: neither what else is wrong with the same budget nor what stands after it; and it isn't
// told again as what stands in its place.
func TestAWrongTypeHidesNothing(t *testing.T) {
	_, err := load(t, `
alerts:
  budgets:
    - {name: b, tenant: acme, period: yearly, time_zone: Mars/North, amount: plenty, thresholds: [0, many]}
    - {name: b, tenant: "", period: day, amount: "-1"}
  spikes: [{name: s, window: 1ms}, 7]
  throttle: none
http: {hosts: ["a b", "c:d"]}
kafka: {brokers: ["x", "y"]}
rollup: {minute: often}
collector: {limits: {burst: -1s, spans_per_second: -1}}
`, nil)
	require.Error(t, err)
	for _, said := range []string{"line 4: alerts.budgets[0].amount: ", "line 4: alerts.budgets[0].thresholds[1]: want a whole number",
		`alerts.budgets[0].period: "yearly": want hour`, `alerts.budgets[0].period: time zone "Mars/North"`, "alerts.budgets[0].thresholds 0: want percent",
		`alerts.budgets[1].name "b": budgets[0] has it already`, "alerts.budgets[1].tenant is empty", "alerts.budgets[1].amount -1.00: want more than 0",
		"alerts.spikes[0].window 1ms", "line 6: alerts.spikes[1]: want keys and values below it", "line 7: alerts.throttle: want keys and values below it",
		`http.hosts[0] "a b"`, `http.hosts[1] "c:d"`, `kafka.brokers[0] "x"`, `kafka.brokers[1] "y"`, `
rollup.minute: "often" is no schedule`, "\ncollector.limits.burst: -1s", "\ncollector.limits.spans_per_second: -1"} {
		require.ErrorContains(t, err, said)
	}
	require.NotContains(t, err.Error(), "budgets[0].amount 0.00")
	require.NotContains(t, err.Error(), "spikes[1].name")
}

func TestSecretsComeFromTheEnvironmentAndStayOutOfErrors(t *testing.T) {
	text := `clickhouse: {url: "http://toll:${env:PASSWORD}@host:8123/db"}`
	cfg, err := load(t, text, map[string]string{"PASSWORD": "a:*&b"})
	require.NoError(t, err)
	require.Equal(t, "http://toll:a:*&b@host:8123/db", cfg.ClickHouse.URL)

	_, err = load(t, `log: {level: "${env:LEVEL}"}`, map[string]string{"LEVEL": "info, format: json}\nhttp: {listen: x"})
	require.ErrorContains(t, err, `log.level "info, format: json}\nhttp: {listen: x"`, "a value can't change the structure")

	_, err = load(t, text, nil)
	require.ErrorContains(t, err, "environment variable PASSWORD is not set")

	_, err = load(t, "alerts:\n  throttle:\n    gateway:\n      secrets: [whsec_c2VjcmV0]\n      timeout: soon\n", nil)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "whsec_", "the lines around an error may hold secrets")
}

func TestServersFromTheEnvironment(t *testing.T) {
	cfg, err := Load("", func(name string) (string, bool) {
		v, ok := map[string]string{"TOLLKEEPER_CLICKHOUSE_URL": "http://db:8123/x", "TOLLKEEPER_KAFKA_BROKERS": "a:1, b:2"}[name]
		return v, ok
	})
	require.NoError(t, err)
	require.Equal(t, "http://db:8123/x", cfg.ClickHouse.URL)
	require.Equal(t, []string{"a:1", "b:2"}, cfg.Kafka.Brokers)
}

func TestDefaultsRoundTrip(t *testing.T) {
	text, err := DefaultsYAML()
	require.NoError(t, err)
	cfg, err := load(t, string(text), nil)
	require.NoError(t, err)
	if diff := cmp.Diff(Default(), cfg, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b alerts.Decimal) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}
