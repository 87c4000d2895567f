package llmsampling

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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
	// DecisionWait is how long a batch is held before its traces are decided; 0 decides at once, as does what drops nothing.
	DecisionWait time.Duration `mapstructure:"decision_wait" yaml:"decision_wait"`
	// MaxHeldMiB bounds what is held, as OTLP in MiB; of what will likely be kept about three times that is resident.
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
	// KeepUnusualCost keeps traces that cost more than 99 % of their tenant's of the last hour.
	KeepUnusualCost bool `mapstructure:"keep_unusual_cost" yaml:"keep_unusual_cost"`
	// KeepUnusualDuration keeps traces with a span that took longer than in 99 % of their tenant's of the last hour.
	KeepUnusualDuration bool `mapstructure:"keep_unusual_duration" yaml:"keep_unusual_duration"`
	// KeepFirst keeps the first trace of a tenant with a model and agent.
	KeepFirst bool `mapstructure:"keep_first" yaml:"keep_first"`
	// MarkKeys are attributes by which a span asks for its trace to be kept: true, a number above 0, or a text.
	MarkKeys []string `mapstructure:"mark_keys" yaml:"mark_keys"`
	// FloorPerMinute is how many traces of every tenant are kept in a minute, whatever the budget is.
	FloorPerMinute int `mapstructure:"floor_per_minute" yaml:"floor_per_minute"`
	// Probability is the share of all other traces that is kept at most, 0 to 1.
	Probability float64 `mapstructure:"probability" yaml:"probability"`
	// BudgetKiB bounds what is kept, in KiB of OTLP a second; 0 switches it off. When more than that has a reason, these
	// traces are thinned too, but not those of the floor.
	BudgetKiB int `mapstructure:"budget_kib_per_second" yaml:"budget_kib_per_second"`
	// MaxTenants is how many tenants are told apart; one takes at most 17 KiB.
	MaxTenants int `mapstructure:"max_tenants" yaml:"max_tenants"`

	// Content is what happens to prompts and answers of tenants not listed in ContentByTenant: drop or keep.
	Content Content `mapstructure:"content" yaml:"content"`
	// ContentByTenant overrides Content for a tenant.
	ContentByTenant map[string]Content `mapstructure:"content_by_tenant" yaml:"content_by_tenant"`
	// MaxValueBytes is where any attribute's value is cut.
	MaxValueBytes int `mapstructure:"max_value_bytes" yaml:"max_value_bytes"`
}

// DefaultConfig keeps what is worth looking at, ten traces a minute of every tenant, a tenth of the rest, no content, and no more
// than a MiB a second: 84 GiB of OTLP a day.
func DefaultConfig() Config {
	return Config{
		DecisionWait: 2 * time.Second, MaxHeldMiB: 32, MaxDecisions: 100_000,
		KeepErrors: true, KeepUnpriced: true, KeepFlagged: true, MinCost: "0.10", Probability: 0.1,
		KeepUnusualCost: true, KeepUnusualDuration: true, KeepFirst: true, MarkKeys: []string{"sampling.priority"},
		FloorPerMinute: 10, BudgetKiB: 1024, MaxTenants: 2000,
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
	if slices.Contains(c.MarkKeys, "") {
		bad("mark_keys: a key is empty; remove it")
	}
	for _, k := range c.MarkKeys {
		if strings.HasPrefix(k, ledger.AttrPrefix) {
			bad("mark_keys: %q can't be set by senders; use a key that doesn't start with %s", k, ledger.AttrPrefix)
		}
	}
	if c.FloorPerMinute < 0 {
		bad("floor_per_minute: %d is negative; use 10, or 0 for no floor", c.FloorPerMinute)
	}
	if c.BudgetKiB < 0 {
		bad("budget_kib_per_second: %d is negative; use 1024, or 0 for no budget", c.BudgetKiB)
	}
	if c.MaxTenants <= 0 {
		bad("max_tenants: %d is not positive; use 2000", c.MaxTenants)
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

// keepsAll reports whether nothing is ever dropped, so that nothing needs to wait.
func (c *Config) keepsAll() bool { return c.Probability == 1 && c.BudgetKiB == 0 }

func (c Content) valid() bool { return c == DropContent || c == KeepContent }
