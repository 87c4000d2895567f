package tenantlimit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config of the processor.
type Config struct {
	// SpansPerSecond and KiBPerSecond are what each tenant may send; bytes are those of its spans as OTLP, tags included. 0 = no
	// limit.
	SpansPerSecond int `mapstructure:"spans_per_second" yaml:"spans_per_second"`
	KiBPerSecond   int `mapstructure:"kib_per_second" yaml:"kib_per_second"`

	// Burst is how long a tenant that was quiet may send at any rate: its bucket holds this much of each limit.
	Burst time.Duration `mapstructure:"burst" yaml:"burst"`

	// MaxInFlight bounds the requests of a tenant that wait for Kafka, so that no tenant takes all of callsplit's max_in_flight.
	// 0 = no limit.
	MaxInFlight int `mapstructure:"max_in_flight" yaml:"max_in_flight"`

	// Tenants are limits of single tenants; what one leaves out is as above.
	Tenants map[string]Limit `mapstructure:"tenants" yaml:"tenants"`

	// MaxTenants bounds the tenants that are told apart; while all of them are sending, further ones share 1,024 buckets, so
	// that a flood among them leaves the others theirs.
	MaxTenants int `mapstructure:"max_tenants" yaml:"max_tenants"`
}

// Limit of one tenant.
type Limit struct {
	SpansPerSecond *int `mapstructure:"spans_per_second" yaml:"spans_per_second,omitempty"`
	KiBPerSecond   *int `mapstructure:"kib_per_second" yaml:"kib_per_second,omitempty"`
	MaxInFlight    *int `mapstructure:"max_in_flight" yaml:"max_in_flight,omitempty"`
}

// DefaultConfig leaves a tenant a third of what a collector of two cores takes.
func DefaultConfig() *Config {
	return &Config{SpansPerSecond: 50_000, KiBPerSecond: 128 << 10, Burst: 10 * time.Second, MaxInFlight: 250, MaxTenants: 10_000}
}

// Validate reports every fault at once.
func (c *Config) Validate() error {
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	notNegative := func(key string, v *int) {
		if v != nil && *v < 0 {
			bad("%s: %d is negative; use 0 for no limit", key, *v)
		}
	}
	notNegative("spans_per_second", &c.SpansPerSecond)
	notNegative("kib_per_second", &c.KiBPerSecond)
	notNegative("max_in_flight", &c.MaxInFlight)
	if c.Burst < time.Second || c.Burst > 10*time.Minute {
		bad("burst: %s is not between 1s and 10m; use 10s", c.Burst)
	}
	if c.MaxTenants <= 0 {
		bad("max_tenants: %d is not positive; use 10000", c.MaxTenants)
	}
	for name, l := range c.Tenants {
		if name == "" {
			bad("tenants: a name is empty; write the tenant's")
		}
		notNegative("tenants."+name+".spans_per_second", l.SpansPerSecond)
		notNegative("tenants."+name+".kib_per_second", l.KiBPerSecond)
		notNegative("tenants."+name+".max_in_flight", l.MaxInFlight)
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

// rate is a limit as a bucket needs it, per second; 0 = none.
type rate struct {
	spans, bytes float64
	inFlight     int
	burst        float64 // seconds
}

func (c *Config) rate() rate {
	return rate{float64(c.SpansPerSecond), float64(c.KiBPerSecond) * 1024, c.MaxInFlight, c.Burst.Seconds()}
}

// rateOf is a named tenant's.
func (c *Config) rateOf(l Limit) rate {
	own := *c
	for _, v := range []struct{ from, to *int }{
		{l.SpansPerSecond, &own.SpansPerSecond}, {l.KiBPerSecond, &own.KiBPerSecond}, {l.MaxInFlight, &own.MaxInFlight},
	} {
		if v.from != nil {
			*v.to = *v.from
		}
	}
	return own.rate()
}

// sized reports whether any limit is one of bytes.
func (c *Config) sized() bool {
	for _, l := range c.Tenants {
		if l.KiBPerSecond != nil && *l.KiBPerSecond > 0 {
			return true
		}
	}
	return c.KiBPerSecond > 0
}
