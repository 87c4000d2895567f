package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/collector"
	"github.com/tollkeeper/tollkeeper/dashboards/figures"
	"github.com/tollkeeper/tollkeeper/dashboards/grafana/provision"
	"github.com/tollkeeper/tollkeeper/dashboards/report/api"
	"github.com/tollkeeper/tollkeeper/dashboards/viewer"
	"github.com/tollkeeper/tollkeeper/ingest"
	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/embedded/kafka"
	"github.com/tollkeeper/tollkeeper/internal/faults"
	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/internal/telemetry"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/schema"
	"github.com/tollkeeper/tollkeeper/schema/tiers"
)

// Config is everything Tollkeeper can be told, a section per role. Where the servers are is said once, in kafka and
// clickhouse, and handed to every role.
type Config struct {
	DataDir    string              `yaml:"data_dir"` // of the embedded servers; empty: $XDG_DATA_HOME/tollkeeper
	Log        telemetry.LogConfig `yaml:"log"`
	HTTP       HTTP                `yaml:"http"`
	Kafka      Kafka               `yaml:"kafka"`
	ClickHouse ClickHouse          `yaml:"clickhouse"`
	Schema     schema.Options      `yaml:"schema"`
	Collector  collector.Config    `yaml:"collector"`
	Ingest     ingest.Config       `yaml:"ingest"`
	Rollup     rollup.Config       `yaml:"rollup"`
	Alerts     alerts.Config       `yaml:"alerts"`
	Viewer     viewer.Config       `yaml:"viewer"`
	Dashboards Dashboards          `yaml:"dashboards"`
	API        api.Config          `yaml:"api"`
}

// Dashboards is what boards show beside the calls, and how Grafana is kept: a set of boards and a data source per tenant.
type Dashboards struct {
	figures.Config `yaml:",inline"`
	Grafana        provision.Config `yaml:"grafana"`
}

// HTTP is the listener for /metrics, /healthz and /readyz.
type HTTP struct {
	Listen string   `yaml:"listen"`
	Hosts  []string `yaml:"hosts"` // names under which it may be asked, beside addresses, localhost and this machine's name
}

// Kafka says where the brokers are; with none, `up` runs the embedded one.
type Kafka struct {
	Brokers []string `yaml:"brokers"`

	kafkaclient.Security `yaml:",inline"` // of these brokers

	Topics   Topics       `yaml:"topics"`
	Embedded kafka.Config `yaml:"embedded"`
}

// validate checks what the brokers ask of clients.
func (k *Kafka) validate() error {
	if len(k.Brokers) == 0 && !k.Security.IsZero() {
		return errors.New("tls, sasl: the embedded broker speaks neither; name your brokers in kafka.brokers, or take the settings out")
	}
	return kafkaclient.Servers{Brokers: k.Brokers, Security: k.Security}.Validate()
}

// validateBrokers checks the brokers' addresses, under the key where they stand.
func (k *Kafka) validateBrokers() error {
	var problems []error
	for i, b := range k.Brokers {
		if host, port, _ := net.SplitHostPort(b); host == "" || port == "" || address("", b) != nil {
			problems = append(problems, fmt.Errorf("brokers[%d] %q: want host:port, for example kafka-1:9092 (or TOLLKEEPER_KAFKA_BROKERS, with commas)", i, b))
		}
	}
	return errors.Join(problems...)
}

// Topics is how `tollkeeper topics apply` creates topics on real brokers.
type Topics struct {
	Partitions  int           `yaml:"partitions"`
	Replication int           `yaml:"replication"`
	MinInsync   int           `yaml:"min_insync"`
	Retention   time.Duration `yaml:"retention"`
}

func (t *Topics) validate() error {
	var problems []error
	if t.Partitions < 1 {
		problems = append(problems, fmt.Errorf("partitions %d: want at least 1", t.Partitions))
	}
	if t.Replication < 1 || t.MinInsync < 1 || t.MinInsync > t.Replication {
		problems = append(problems, fmt.Errorf("replication %d, min_insync %d: want 1 <= min_insync <= replication, 2 of 3 on a cluster",
			t.Replication, t.MinInsync))
	}
	if t.Retention < time.Hour {
		problems = append(problems, fmt.Errorf("retention %s: want at least 1h, so that an outage of the database loses nothing", t.Retention))
	}
	return errors.Join(problems...)
}

// ClickHouse says where the database is; with no URL, `up` runs the embedded engine.
type ClickHouse struct {
	URL      string            `yaml:"url"` // http(s)://user:password@host:port/database; give the password as ${env:NAME}
	Tiers    tiers.Config      `yaml:"tiers"`
	Embedded clickhouse.Config `yaml:"embedded"`
}

// EmbeddedPolicy is the storage policy with the tiers hot, warm and cold that the embedded engine has.
const EmbeddedPolicy = tiers.Policy

// Default is what `tollkeeper up` runs with.
func Default() Config {
	c := Config{
		Log:        telemetry.DefaultLogConfig(),
		HTTP:       HTTP{Listen: "127.0.0.1:9464"},
		Kafka:      Kafka{Topics: Topics{Partitions: 12, Replication: 3, MinInsync: 2, Retention: 7 * 24 * time.Hour}, Embedded: kafka.DefaultConfig()},
		ClickHouse: ClickHouse{Embedded: clickhouse.DefaultConfig()},
		Schema:     schema.DefaultOptions(),
		Collector:  collector.DefaultConfig(),
		Ingest:     ingest.DefaultConfig(),
		Rollup:     rollup.DefaultConfig(),
		Alerts:     alerts.DefaultConfig(),
		Viewer:     viewer.DefaultConfig(),
		Dashboards: Dashboards{figures.DefaultConfig(), provision.DefaultConfig()},
		API:        api.DefaultConfig(),
	}
	c.Kafka.Embedded.Listen = "127.0.0.1:9092"
	c.ClickHouse.Embedded.Listen = "127.0.0.1:8123"
	c.Schema.Policy = EmbeddedPolicy
	return c
}

// fromEnvironment takes the servers' addresses from the environment where the file names none.
func (c *Config) fromEnvironment(getenv func(string) (string, bool)) {
	if v, ok := getenv("TOLLKEEPER_CLICKHOUSE_URL"); ok && c.ClickHouse.URL == "" {
		c.ClickHouse.URL = v
	}
	if v, ok := getenv("TOLLKEEPER_KAFKA_BROKERS"); ok && len(c.Kafka.Brokers) == 0 {
		for b := range strings.SplitSeq(v, ",") {
			c.Kafka.Brokers = append(c.Kafka.Brokers, strings.TrimSpace(b))
		}
	}
}

// UseServers hands the servers' addresses to every role.
func (c *Config) UseServers(brokers []string, clickhouse string) {
	c.Kafka.Brokers, c.ClickHouse.URL = brokers, clickhouse
	c.Collector.Brokers, c.Collector.Security = brokers, c.Kafka.Security
	c.Ingest.Brokers, c.Ingest.Security, c.Ingest.ClickHouse = brokers, c.Kafka.Security, clickhouse
	c.Alerts.ClickHouse = clickhouse
}

// Validate reports all problems of all sections at once, each with its key.
func (c *Config) Validate() error {
	full := *c
	kafkaErr := full.Kafka.validate()
	if kafkaErr != nil { // said once, not by every role
		full.Kafka.Security = kafkaclient.Security{}
	}
	brokersErr := full.Kafka.validateBrokers()
	if len(full.Kafka.Brokers) == 0 || brokersErr != nil {
		full.Kafka.Brokers = []string{"127.0.0.1:9092"} // stands for the embedded one
	}
	var engineErr error
	if full.ClickHouse.URL == "" {
		engine := full.ClickHouse.Embedded
		engine.Dir = "below the data directory"
		engineErr = engine.Validate()
		full.ClickHouse.URL = "http://127.0.0.1:8123/" + schema.DefaultDatabase
	}
	_, urlErr := schema.ParseURL(full.ClickHouse.URL)
	if urlErr != nil { // said once, not by every role
		full.ClickHouse.URL = "http://127.0.0.1:8123/" + schema.DefaultDatabase
	}
	full.UseServers(full.Kafka.Brokers, full.ClickHouse.URL)
	return errors.Join(
		full.Log.Validate(),
		address("http.listen", full.HTTP.Listen),
		full.HTTP.validateHosts(),
		faults.Under("clickhouse.embedded.", engineErr),
		urlErr,
		faults.Under("clickhouse.tiers.", full.ClickHouse.Tiers.Validate()),
		faults.Under("kafka.", kafkaErr),
		faults.Under("kafka.", brokersErr),
		faults.Under("kafka.topics.", full.Kafka.Topics.validate()),
		faults.Under("kafka.embedded.", full.Kafka.Embedded.Validate()),
		faults.Under("schema.", full.Schema.Validate()),
		faults.Under("collector.", full.Collector.Validate()),
		faults.Under("ingest.", full.Ingest.Validate()),
		faults.Under("rollup.", full.Rollup.Validate()),
		faults.Under("alerts.", full.Alerts.Validate()),
		faults.Under("viewer.", full.Viewer.Validate()),
		faults.Under("dashboards.", full.Dashboards.Config.Validate()),
		faults.Under("dashboards.grafana.", full.Dashboards.Grafana.Validate()),
		faults.Under("api.", full.API.Validate()),
		c.oneSecret(),
	)
}

func (h *HTTP) validateHosts() error {
	var problems []error
	for i, name := range h.Hosts {
		if name == "" || strings.ContainsAny(name, ":/* ") {
			problems = append(problems, fmt.Errorf("http.hosts[%d] %q: want a host's name without scheme, port or *, for example toll.example", i, name))
		}
	}
	return errors.Join(problems...)
}

func address(key, value string) error {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return fmt.Errorf("%s %q: want host:port, for example 127.0.0.1:0", key, value)
	}
	return nil
}

// DefaultsYAML is the whole default configuration as YAML.
func DefaultsYAML() ([]byte, error) {
	text, err := yaml.MarshalWithOptions(Default(), yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("write defaults: %w", err)
	}
	return text, nil
}

// TenantSecret is what the passwords of the tenants' database users are derived from; empty: there are no such users.
func (c *Config) TenantSecret() string {
	return cmp.Or(c.ClickHouse.Embedded.TenantSecret, c.Dashboards.Grafana.TenantSecret, c.API.TenantSecret)
}

// oneSecret refuses two secrets: a tenant has one database user.
func (c *Config) oneSecret() error {
	for key, secret := range map[string]string{"clickhouse.embedded": c.ClickHouse.Embedded.TenantSecret, "dashboards.grafana": c.Dashboards.Grafana.TenantSecret, "api": c.API.TenantSecret} {
		if secret != "" && secret != c.TenantSecret() {
			return fmt.Errorf("%s.tenant_secret: not the secret of clickhouse.embedded, dashboards.grafana or api; a tenant has one database user and one password, so give one of the three, or the same", key)
		}
	}
	return nil
}

// DatabaseURL is where a command finds the database: the configured servers, or what `tollkeeper up` runs on this machine.
func (c *Config) DatabaseURL() string {
	if c.ClickHouse.URL != "" {
		return c.ClickHouse.URL
	}
	return "http://" + c.ClickHouse.Embedded.Listen + "/" + schema.DefaultDatabase
}

// KafkaServers is where a command finds Kafka: the configured brokers, or what `tollkeeper up` runs on this machine.
func (c *Config) KafkaServers() kafkaclient.Servers {
	if len(c.Kafka.Brokers) > 0 {
		return kafkaclient.Servers{Brokers: c.Kafka.Brokers, Security: c.Kafka.Security}
	}
	return kafkaclient.Servers{Brokers: []string{c.Kafka.Embedded.Listen}}
}
