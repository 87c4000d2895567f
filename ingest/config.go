package ingest

import (
	"errors"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Config of the role.
type Config struct {
	Brokers []string `yaml:"brokers"` // host:port to start from

	kafkaclient.Security `yaml:"-"` // what the brokers ask of clients

	ClickHouse string `yaml:"clickhouse"` // http(s)://user:password@host:port/database
	Group      string `yaml:"group"`      // consumer group of the calls; "-spans" is added for the spans
	Spans      bool   `yaml:"spans"`      // store sampled payload too

	Tick          time.Duration `yaml:"tick"`            // longest wait before what was read is inserted
	MaxInsert     int           `yaml:"max_insert"`      // bytes of records that make an insert start before the tick
	MaxWaiting    int           `yaml:"max_waiting"`     // bytes of records held in memory; more are not fetched
	MaxFetch      int           `yaml:"max_fetch"`       // bytes asked of Kafka at once, as compressed there, for all partitions of a member together
	RetryMax      time.Duration `yaml:"retry_max"`       // longest pause between attempts at a server that fails
	InsertTimeout time.Duration `yaml:"insert_timeout"`  // one attempt at one insert
	Drain         time.Duration `yaml:"drain"`           // time to store what was read when stopping
	Session       time.Duration `yaml:"session_timeout"` // a member silent for longer loses its partitions
	Heartbeat     time.Duration `yaml:"heartbeat"`       // also how soon a member notices a rebalance
	Checkpoint    time.Duration `yaml:"checkpoint"`      // how often a row sums up the ranges before it

	FreshnessEvery time.Duration `yaml:"freshness_every"` // how often it is written up to when the ledger is complete

	// Kept is how long reports are, 0 for ever: what is older isn't stored. It follows from the schema's configuration
	// (schema.Retention.ReportsKept).
	Kept time.Duration `yaml:"-"`
}

// DefaultConfig lacks the two addresses.
func DefaultConfig() Config {
	return Config{
		Group:         "tollkeeper-ingest",
		Spans:         true,
		Tick:          400 * time.Millisecond,
		MaxInsert:     16 << 20,
		MaxWaiting:    32 << 20,
		MaxFetch:      4 << 20,
		RetryMax:      10 * time.Second,
		InsertTimeout: time.Minute,
		Drain:         10 * time.Second,
		Session:       10 * time.Second,
		Heartbeat:     time.Second,
		Checkpoint:    24 * time.Hour,

		FreshnessEvery: 5 * time.Second,
	}
}

// maxTick keeps the reaction time of DESIGN D10.
const maxTick = 500 * time.Millisecond

// maxFreshnessEvery leaves the alerts' usual minute room for one heartbeat that fails.
const maxFreshnessEvery = 20 * time.Second

// Validate returns every problem at once.
func (c *Config) Validate() error {
	var errs []error
	bad := func(key string, value any, remedy string) {
		errs = append(errs, fmt.Errorf("%s %v: %s", key, value, remedy))
	}
	if len(c.Brokers) == 0 {
		bad("brokers", c.Brokers, "name at least one Kafka broker as host:port")
	}
	for _, b := range c.Brokers {
		if b == "" {
			bad("brokers", c.Brokers, "a broker is empty: want host:port")
		}
	}
	if _, err := schema.ParseURL(c.ClickHouse); err != nil {
		errs = append(errs, fmt.Errorf("clickhouse: %w", err))
	}
	if c.Group == "" {
		bad("group", `""`, "name the consumer group")
	}
	if c.Tick <= 0 || c.Tick > maxTick {
		bad("tick", c.Tick, "want more than 0 and at most "+maxTick.String())
	}
	if c.MaxInsert < 1<<16 {
		bad("max_insert", c.MaxInsert, "want at least 65536 bytes")
	}
	if c.MaxWaiting < c.MaxInsert {
		bad("max_waiting", c.MaxWaiting, fmt.Sprintf("want at least max_insert (%d)", c.MaxInsert))
	}
	if c.MaxFetch < 1<<16 {
		bad("max_fetch", c.MaxFetch, "want at least 65536 bytes")
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"retry_max", c.RetryMax}, {"insert_timeout", c.InsertTimeout}, {"drain", c.Drain}, {"session_timeout", c.Session},
		{"heartbeat", c.Heartbeat}, {"checkpoint", c.Checkpoint},
	} {
		if d.value <= 0 {
			bad(d.key, d.value, "want a duration like 10s")
		}
	}
	if c.FreshnessEvery <= 0 || c.FreshnessEvery > maxFreshnessEvery {
		bad("freshness_every", c.FreshnessEvery, "want more than 0 and at most "+maxFreshnessEvery.String()+": alerts take a ledger that says nothing for a minute for stale")
	}
	if c.Heartbeat > 0 && c.Session < 3*c.Heartbeat {
		bad("session_timeout", c.Session, fmt.Sprintf("want at least three times heartbeat (%s)", c.Heartbeat))
	}
	return errors.Join(errs...)
}
