package llmsampling

import (
	"errors"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Content says what happens to prompts and answers.
type Content string

// What can be done with content.
const (
	DropContent Content = "drop"
	KeepContent Content = "keep"
)

// Config of the processor.
type Config struct {
	// DecisionWait is how long a batch is held before its traces are decided; 0 decides at once.
	DecisionWait time.Duration `mapstructure:"decision_wait" yaml:"decision_wait"`
	// MaxHeldMiB bounds what is held, as OTLP in MiB; about four times that is resident.
	MaxHeldMiB int `mapstructure:"max_held_mib" yaml:"max_held_mib"`
	// MaxDecisions is how many decisions are remembered for spans that come later.
	MaxDecisions int `mapstructure:"max_decisions" yaml:"max_decisions"`

	// KeepErrors keeps traces with a failed span.
	KeepErrors bool `mapstructure:"keep_errors" yaml:"keep_errors"`
	// KeepUnpriced keeps traces with a call that has no price.
	KeepUnpriced bool `mapstructure:"keep_unpriced" yaml:"keep_unpriced"`
	// KeepFlagged keeps traces with a call whose numbers are doubtful (ledger.FlagsDoubt).
	KeepFlagged bool `mapstructure:"keep_flagged" yaml:"keep_flagged"`
	// MinCost keeps traces whose calls cost at least this much, in USD as a decimal; empty switches it off.
	MinCost string `mapstructure:"min_cost" yaml:"min_cost"`
	// Probability is the share of all other traces that is kept, 0 to 1.
	Probability float64 `mapstructure:"probability" yaml:"probability"`

	// Content is what happens to prompts and answers of tenants not listed in ContentByTenant: drop or keep.
	Content Content `mapstructure:"content" yaml:"content"`
	// ContentByTenant overrides Content for a tenant.
	ContentByTenant map[string]Content `mapstructure:"content_by_tenant" yaml:"content_by_tenant"`
	// MaxValueBytes is where any attribute's value is cut.
	MaxValueBytes int `mapstructure:"max_value_bytes" yaml:"max_value_bytes"`
}

// DefaultConfig keeps what is worth looking at, a tenth of the rest, and no content.
func DefaultConfig() Config {
	return Config{
		DecisionWait: 2 * time.Second, MaxHeldMiB: 32, MaxDecisions: 100_000,
		KeepErrors: true, KeepUnpriced: true, KeepFlagged: true, MinCost: "0.10", Probability: 0.1,
		Content: DropContent, MaxValueBytes: 16 << 10,
	}
}

// Validate reports all problems at once.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.DecisionWait < 0 || c.DecisionWait > 10*time.Minute {
		bad("decision_wait: %s is not between 0 and 10m; use 2s", c.DecisionWait)
	}
	if c.MaxHeldMiB <= 0 {
		bad("max_held_mib: %d is not positive; use 32", c.MaxHeldMiB)
	}
	if c.MaxDecisions <= 0 {
		bad("max_decisions: %d is not positive; use 100000", c.MaxDecisions)
	}
	if c.MinCost != "" {
		if m, err := ledger.ParseMoney(c.MinCost); err != nil || m <= 0 {
			bad(`min_cost: %q is not a positive amount of USD; write a plain decimal such as "0.10", or "" to switch it off`, c.MinCost)
		}
	}
	if !(c.Probability >= 0 && c.Probability <= 1) {
		bad("probability: %v is not between 0 and 1", c.Probability)
	}
	if !c.Content.valid() {
		bad("content: %q; use drop or keep", c.Content)
	}
	for tenant, v := range c.ContentByTenant {
		if !v.valid() {
			bad("content_by_tenant.%s: %q; use drop or keep", tenant, v)
		}
	}
	if c.MaxValueBytes < 256 {
		bad("max_value_bytes: %d is below 256, which cuts ordinary attributes; use 16384", c.MaxValueBytes)
	}
	return errors.Join(errs...)
}

func (c Content) valid() bool { return c == DropContent || c == KeepContent }
