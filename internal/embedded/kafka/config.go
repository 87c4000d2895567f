package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Retention bounds what a topic keeps. Whole record batches go, oldest first.
type Retention struct {
	Age   time.Duration `yaml:"age"`   // older batches go; by the newest record's own time
	Bytes int64         `yaml:"bytes"` // per partition; 0 = no bound by size
}

// Config is the broker of one machine.
type Config struct {
	// Dir holds the broker's files. Empty: everything stays in memory and is gone at Close.
	Dir string `yaml:"dir"`
	// Listen is host:port, as clients dial it; port 0 takes a free one.
	Listen string `yaml:"listen"`
	// Advertise is host:port as clients are told to dial it, where that isn't Listen: behind a proxy or a port mapping.
	Advertise string `yaml:"advertise"`
	// Partitions of the calls and spans topics. It can grow between starts, never shrink.
	Partitions int `yaml:"partitions"`
	// Calls, Spans and DeadLetters say what each topic keeps. Calls has no bound by size by default: a full disk
	// pushes back on clients, it never drops acknowledged money. Ingest must not be down for longer than Calls.Age. The
	// broker holds about 90 bytes of memory per batch it keeps: 150 MB a day at 20 batches a second.
	Calls       Retention `yaml:"calls"`
	Spans       Retention `yaml:"spans"`
	DeadLetters Retention `yaml:"dead_letters"`
	// MinFree bytes stay free on Dir's file system: below it, records are refused.
	MinFree int64 `yaml:"min_free"`
	// CheckEvery is how often free space is measured and silent members of groups are looked for; ApplyEvery how often retention runs.
	CheckEvery time.Duration `yaml:"check_every"`
	ApplyEvery time.Duration `yaml:"apply_every"`

	Log     *slog.Logger          `yaml:"-"`
	Metrics prometheus.Registerer `yaml:"-"`
	// Free overrides the measuring of free bytes, for tests.
	Free func(dir string) (int64, error) `yaml:"-"`
}

// DefaultConfig is what `tollkeeper up` runs with; Dir is left empty.
func DefaultConfig() Config {
	const day = 24 * time.Hour
	return Config{
		Listen:      "127.0.0.1:0",
		Partitions:  4,
		Calls:       Retention{Age: 3 * day},
		Spans:       Retention{Age: day, Bytes: 512 << 20},
		DeadLetters: Retention{Age: 30 * day, Bytes: 256 << 20},
		MinFree:     512 << 20,
		CheckEvery:  time.Second,
		ApplyEvery:  5 * time.Minute,
	}
}

// Validate returns every problem at once.
func (c *Config) Validate() error {
	var errs []error
	bad := func(key string, value any, remedy string) {
		errs = append(errs, fmt.Errorf("%s %v: %s", key, value, remedy))
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 0 || n > 65535 {
		bad("listen", strconv.Quote(c.Listen), "want host:port, for example 127.0.0.1:9092, or port 0 for a free one")
	} else if ip := net.ParseIP(host); c.Advertise == "" && (host == "" || (ip != nil && ip.IsUnspecified())) {
		bad("listen", strconv.Quote(c.Listen), "the broker tells clients to dial this address: name one that they can reach, for example 127.0.0.1:"+port+", or set advertise")
	}
	if c.Advertise != "" {
		host, port, err := net.SplitHostPort(c.Advertise)
		if n, perr := strconv.Atoi(port); err != nil || perr != nil || host == "" || n < 1 || n > 65535 {
			bad("advertise", strconv.Quote(c.Advertise), "want the host:port that clients dial, for example kafka:9092")
		}
	}
	if c.Partitions < 1 || c.Partitions > 1000 {
		bad("partitions", c.Partitions, "want 1 to 1000")
	}
	for _, r := range []struct {
		key string
		Retention
	}{{"calls", c.Calls}, {"spans", c.Spans}, {"dead_letters", c.DeadLetters}} {
		if r.Age < time.Minute {
			bad(r.key+".age", r.Age, "want at least 1m")
		}
		if r.Bytes < 0 {
			bad(r.key+".bytes", r.Bytes, "want 0 (no bound) or a number of bytes")
		}
	}
	if c.MinFree < 0 {
		bad("min_free", c.MinFree, "want a number of bytes")
	}
	if c.CheckEvery <= 0 {
		bad("check_every", c.CheckEvery, "want a duration like 1s")
	}
	if c.ApplyEvery <= 0 {
		bad("apply_every", c.ApplyEvery, "want a duration like 5m")
	}
	return errors.Join(errs...)
}

// topic is one of the product's topics with its settings.
type topic struct {
	name       string
	partitions int
	settings   map[string]string
}

// Largest record batches. Dead letters hold a whole record of the others and its origin in headers.
const (
	maxBatch      = 8 << 20
	maxDeadLetter = maxBatch + 1<<20
)

func (c *Config) topics() []topic {
	settings := func(r Retention, largest int) map[string]string {
		size := int64(-1)
		if r.Bytes > 0 {
			size = r.Bytes
		}
		return map[string]string{
			"cleanup.policy":         "delete",
			"compression.type":       "producer",
			"max.message.bytes":      strconv.Itoa(largest),
			"message.timestamp.type": "CreateTime",
			"retention.ms":           strconv.FormatInt(r.Age.Milliseconds(), 10),
			"retention.bytes":        strconv.FormatInt(size, 10),
			"segment.bytes":          strconv.Itoa(64 << 20),
		}
	}
	return []topic{
		{ledger.TopicCalls, c.Partitions, settings(c.Calls, maxBatch)},
		{ledger.TopicSpans, c.Partitions, settings(c.Spans, maxBatch)},
		{ledger.TopicDeadLetter, 1, settings(c.DeadLetters, maxDeadLetter)},
	}
}
