package alerts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/alerts/notify"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/faults"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Config is the section alerts of the configuration file.
type Config struct {
	ClickHouse    string         `yaml:"-"`              // URL, said once for all roles
	EvaluateEvery time.Duration  `yaml:"evaluate_every"` // how often the rules are evaluated
	StaleAfter    time.Duration  `yaml:"stale_after"`    // a ledger not known to be complete for so long is no evidence
	Budgets       []Budget       `yaml:"budgets"`
	BudgetsTable  bool           `yaml:"budgets_table"` // also the budgets (tollkeeper budgets; one of the same name replaces ours) and maintenance windows (tollkeeper alerts silence) of the database
	Spikes        []Spike        `yaml:"spikes"`
	Runaways      []Runaway      `yaml:"runaways"`
	Shares        []Share        `yaml:"shares"`
	Silences      []Silence      `yaml:"silences"`
	Limits        []Limit        `yaml:"limits"`
	Maintenance   []Maintenance  `yaml:"maintenance"`
	Watchdog      bool           `yaml:"watchdog"` // an alert that always fires, for a dead man's switch; where somebody is told of it
	Throttle      ThrottleConfig `yaml:"throttle"`
	Notify        notify.Config  `yaml:"notify"`
}

// Budget is an amount that a tenant may spend per period. Each threshold that is crossed is an episode of its own; the
// lower ones stay silent where a higher one is crossed at the same time.
type Budget struct {
	Name       string             `yaml:"name"`
	Tenant     string             `yaml:"tenant"`                // *: every tenant by itself
	By         string             `yaml:"by,omitempty"`          // team, key or model: a part of the tenant; empty: all of it
	Value      string             `yaml:"value,omitempty"`       // which; empty: each by itself
	Period     string             `yaml:"period"`                // hour, day, week, month, or a duration of whole seconds that divides a day
	TimeZone   string             `yaml:"time_zone,omitempty"`   // in which a day, week or month begins and ends, like Europe/Berlin; UTC if empty
	Amount     Decimal            `yaml:"amount"`                // USD
	Thresholds []int              `yaml:"thresholds,omitempty"`  // percent of the amount; [80, 100] if empty
	Forecast   []int              `yaml:"forecast,omitempty"`    // percent of the amount that the period's end is foreseen to reach; none if empty
	Burn       *Burn              `yaml:"burn,omitempty"`        // nil: the pace isn't watched
	Overrides  map[string]Decimal `yaml:"overrides,omitempty"`   // amounts of single tenants; 0: not watched
	ClearAfter time.Duration      `yaml:"clear_after,omitempty"` // resolved when the budget has been under it for so long; 10s if 0
	Throttle   *Policy            `yaml:"throttle,omitempty"`    // nil: never
}

// Spike is a spend rate that is both many times the usual and large in itself.
type Spike struct {
	Name        string                   `yaml:"name"`
	Tenant      string                   `yaml:"tenant"`       // empty: every tenant by itself
	By          string                   `yaml:"by"`           // team, key or model: a part of the tenant; empty: all of it
	Value       string                   `yaml:"value"`        // which; empty: each by itself
	Window      time.Duration            `yaml:"window"`       // the short window; 30s if 0
	Factor      Decimal                  `yaml:"factor"`       // fires at so many times the baseline's rate; 3 if 0
	LongWindow  time.Duration            `yaml:"long_window"`  // the longest window in which a spike is looked for; 20 × window if 0, window: no longer one
	MinUSD      Decimal                  `yaml:"min_usd"`      // USD in a window below which nothing is a spike; 0.25 if 0
	MinCalls    int                      `yaml:"min_calls"`    // calls in a window below which nothing is a spike; 3 if 0
	ClearFactor Decimal                  `yaml:"clear_factor"` // clears below so many times; half of factor if 0
	MinPerHour  Decimal                  `yaml:"min_per_hour"` // USD an hour below which nothing is a spike; 1 if 0
	History     time.Duration            `yaml:"history"`      // how far back the usual is looked for; 672h if 0
	MinHistory  time.Duration            `yaml:"min_history"`  // with less of it the trailing window is the baseline; 72h if 0
	Trailing    time.Duration            `yaml:"trailing"`     // length of the trailing window; 5m if 0
	MinTrailing time.Duration            `yaml:"min_trailing"` // with less of that the rule is silent; 1m if 0
	ClearAfter  time.Duration            `yaml:"clear_after"`  // resolved when it has been clear for so long; 5m if 0
	SettleAfter time.Duration            `yaml:"settle_after"` // what has lasted so long may be the new usual; 6h if 0
	Overrides   map[string]SpikeOverride `yaml:"overrides"`    // by tenant
	Throttle    *Policy                  `yaml:"throttle"`     // nil: never
}

// Policy is what a rule does to a tenant beside telling people.
type Policy struct {
	At       int           `yaml:"at,omitempty"` // budgets: the threshold from which it applies; 100 if 0
	Level    gateway.Level `yaml:"level"`
	Per      time.Duration `yaml:"per,omitempty"`
	Requests int64         `yaml:"requests,omitempty"`
	Tokens   int64         `yaml:"tokens,omitempty"`
	USD      Decimal       `yaml:"usd"`
}

// ThrottleConfig says whom commands may bite and where they go.
type ThrottleConfig struct {
	Enforce       []string             `yaml:"enforce"`        // tenants that budgets, burn rates and runaways may throttle; all others: dry run
	EnforceSpikes []string             `yaml:"enforce_spikes"` // of them, those that spikes may throttle too
	Lease         time.Duration        `yaml:"lease"`          // a command's life; renewed at half of it
	RetryAfter    time.Duration        `yaml:"retry_after"`    // wait after a command that wasn't delivered
	EffectWithin  time.Duration        `yaml:"effect_within"`  // spend has to fall by then, else it is reported
	EffectWindow  time.Duration        `yaml:"effect_window"`  // over which the fall is measured
	EscalateTo    gateway.Level        `yaml:"escalate_to"`    // hardest level that a throttle without effect is raised to: by itself nobody is blocked; empty: none
	MaxTenants    int                  `yaml:"max_tenants"`    // that rules may throttle at once; further ones are dry runs
	ProbeEvery    time.Duration        `yaml:"probe_every"`    // how often the gateway is asked whether it still holds what it took
	SendDryRun    bool                 `yaml:"send_dry_run"`   // send dry runs too, marked as such; the gateway counts
	Gateway       gateway.ClientConfig `yaml:"gateway"`        // no url: no gateway, every command is a dry run
}

// DefaultConfig watches every tenant for spikes, tells the log, and throttles nobody.
func DefaultConfig() Config {
	client := gateway.DefaultClientConfig()
	return Config{
		EvaluateEvery: time.Second,
		StaleAfter:    time.Minute,
		BudgetsTable:  true,
		Spikes:        []Spike{Spike{Name: "spend-spike"}.withDefaults()},
		Shares: []Share{
			Share{Name: "unpriced-calls", Of: ShareUnpriced}.withDefaults(),
			Share{Name: "doubtful-calls", Of: ShareFlagged}.withDefaults(),
		},
		Silences: []Silence{Silence{Name: "silence"}.withDefaults()},
		Limits:   []Limit{Limit{Name: "rate-limited"}.withDefaults()},
		Runaways: []Runaway{Runaway{Name: "runaway-trace", By: "trace", USD: USD(50 * ledger.USD)}.withDefaults()},
		Throttle: ThrottleConfig{
			Lease: time.Minute, RetryAfter: 5 * time.Second, EffectWithin: time.Minute, EffectWindow: 10 * time.Second,
			EscalateTo: gateway.Cap, MaxTenants: 20, ProbeEvery: 10 * time.Second,
			Gateway: client,
		},
		Notify:   notify.DefaultConfig(),
		Watchdog: true,
	}
}

func (b Budget) withDefaults() Budget {
	if len(b.Thresholds) == 0 {
		b.Thresholds = []int{80, 100}
	}
	b.Thresholds = slices.Sorted(slices.Values(b.Thresholds))
	b.ClearAfter = or(b.ClearAfter, 10*time.Second)
	b.Forecast = slices.Sorted(slices.Values(b.Forecast))
	if b.Burn != nil {
		burn := *b.Burn
		if len(burn.Windows) == 0 {
			burn.Windows = defaultBurn()
		}
		burn.Windows = slices.Clone(burn.Windows)
		for i := range burn.Windows {
			burn.Windows[i].Severity = or(burn.Windows[i].Severity, Critical)
		}
		b.Burn = &burn
	}
	if b.Throttle != nil {
		p := *b.Throttle
		p.At = or(p.At, 100)
		b.Throttle = &p
	}
	return b
}

func (s Spike) withDefaults() Spike {
	s.Window = or(s.Window, 30*time.Second)
	s.Factor = or(s.Factor, USD(3*ledger.USD))
	if s.ClearFactor.Sign() == 0 {
		s.ClearFactor = half(s.Factor)
	}
	s.LongWindow = or(s.LongWindow, 20*s.Window)
	s.MinUSD = or(s.MinUSD, USD(ledger.USD/4))
	s.MinCalls = or(s.MinCalls, 3)
	s.MinPerHour = or(s.MinPerHour, USD(ledger.USD))
	s.History = or(s.History, historyReach)
	s.MinHistory = or(s.MinHistory, 72*time.Hour)
	s.Trailing = or(s.Trailing, 5*time.Minute)
	s.MinTrailing = or(s.MinTrailing, time.Minute)
	s.ClearAfter = or(s.ClearAfter, 5*time.Minute)
	s.SettleAfter = or(s.SettleAfter, 6*time.Hour)
	return s
}

// half of a factor: at least 1, so that what is usual is over.
func half(d Decimal) Decimal {
	n := detect.Integer(d.Sum)
	sum, err := detect.FromInteger(n.Rsh(n, 1))
	if err != nil || sum.Cmp(detect.One) < 0 {
		return USD(ledger.USD)
	}
	return Decimal{sum}
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// limits is the policy's part of a command.
func (p *Policy) limits() gateway.Limits {
	usd, _ := p.USD.Money() // in range: validate checked it
	return gateway.Limits{Per: p.Per, Requests: p.Requests, Tokens: p.Tokens, USD: usd}
}

// problems collects errors with the key they are about.
type problems struct{ errs []error }

func (p *problems) add(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}

// nested adds every problem of a part, each with the part's key.
func (p *problems) nested(key string, err error) {
	if err != nil {
		p.errs = append(p.errs, faults.Under(key, err))
	}
}

func (p *problems) within(key string, v, least, most time.Duration) {
	if v < least || v > most {
		p.add("%s %s: want %s to %s", key, v, least, most)
	}
}

// Validate names every problem with its key, its value and the remedy.
func (c *Config) Validate() error {
	var p problems
	if _, err := schema.ParseURL(c.ClickHouse); err != nil {
		p.errs = append(p.errs, err)
	}
	p.within("evaluate_every", c.EvaluateEvery, 5*time.Millisecond, time.Minute)
	p.within("stale_after", c.StaleAfter, 5*time.Second, time.Hour)
	names := map[string]string{}
	unique := func(key, name string) {
		if name == "" {
			p.add("%s.name is empty: give the rule a name", key)
		} else if first, taken := names[name]; taken {
			p.add("%s.name %q: %s has it already; names are unique over all rules", key, name, first)
		}
		names[name] = key
	}
	for i, b := range c.Budgets {
		key := fmt.Sprintf("budgets[%d]", i)
		unique(key, b.Name)
		b.validate(&p, key)
	}
	for i, s := range c.Spikes {
		key := fmt.Sprintf("spikes[%d]", i)
		unique(key, s.Name)
		s.withDefaults().validate(&p, key)
	}
	c.validateKinds(&p, unique)
	c.Throttle.validate(&p)
	p.nested("notify.", c.Notify.Validate())
	return errors.Join(p.errs...)
}

func (b Budget) validate(p *problems, key string) {
	if b.Tenant == "" {
		p.add("%s.tenant is empty: name the tenant, or * for every tenant by itself", key)
	}
	if strings.Contains(b.Name, ":") {
		p.add("%s.name %q: want a name without a colon: it is kept for forecasts and burn rates", key, b.Name)
	}
	_, err := parsePeriod(b.Period, b.TimeZone)
	p.nested(key+".period: ", err)
	if b.Amount.Sign() <= 0 {
		p.add("%s.amount %s: want more than 0 USD", key, b.Amount.Short())
	}
	b = b.withDefaults()
	b.validateMore(p, key)
	for _, t := range b.Thresholds {
		if t < 1 || t > 10_000 {
			p.add("%s.thresholds %d: want percent, 1 to 10000", key, t)
		}
	}
	p.within(key+".clear_after", b.ClearAfter, time.Millisecond, time.Hour)
	if b.Throttle != nil {
		b.Throttle.validate(p, key+".throttle")
		if !slices.Contains(b.Thresholds, b.Throttle.At) {
			p.add("%s.throttle.at %d: want one of the thresholds %v", key, b.Throttle.At, b.Thresholds)
		}
	}
}

func (s Spike) validate(p *problems, key string) {
	p.within(key+".window", s.Window, 5*time.Second, 5*time.Minute)
	validateScope(p, key, s.By, s.Value)
	p.within(key+".long_window", s.LongWindow, s.Window, time.Hour)
	p.within(key+".trailing", s.Trailing, s.Window, time.Hour)
	p.within(key+".min_trailing", s.MinTrailing, s.Window, s.Trailing)
	p.within(key+".history", s.History, 24*time.Hour, 90*24*time.Hour)
	p.within(key+".min_history", s.MinHistory, 24*time.Hour, s.History)
	p.within(key+".clear_after", s.ClearAfter, time.Millisecond, time.Hour)
	p.within(key+".settle_after", s.SettleAfter, time.Hour, 7*24*time.Hour)
	if s.Window%time.Second != 0 {
		p.add("%s.window %s: want whole seconds", key, s.Window)
	}
	if s.ClearFactor.Sign() <= 0 || s.Factor.Cmp(s.ClearFactor.Sum) <= 0 {
		p.add("%s.factor %s, clear_factor %s: want 0 < clear_factor < factor, so that the alert doesn't flap", key, s.Factor.Short(), s.ClearFactor.Short())
	}
	if s.MinPerHour.Sign() <= 0 {
		p.add("%s.min_per_hour %s: want more than 0 USD", key, s.MinPerHour.Short())
	}
	if s.Throttle != nil {
		s.Throttle.validate(p, key+".throttle")
	}
}

func (t *Policy) validate(p *problems, key string) {
	if _, ok := t.USD.Money(); !ok {
		p.add("%s.usd %s: want at most %s", key, t.USD.Short(), ledger.MaxMoney.Short())
	}
	now := time.Now()
	cmd := gateway.Command{Subject: gateway.Tenant("t"), Level: t.Level, Limits: t.limits(), Sequence: 1, Issued: now, Expires: now.Add(time.Minute)}
	p.nested(key+".", cmd.Validate())
	if t.Level == gateway.Release {
		p.add("%s.level release: want notify, slow, cap or block", key)
	}
}

func (t *ThrottleConfig) validate(p *problems) {
	p.within("throttle.lease", t.Lease, time.Second, time.Hour)
	p.within("throttle.retry_after", t.RetryAfter, 10*time.Millisecond, 10*time.Minute)
	p.within("throttle.effect_within", t.EffectWithin, time.Second, time.Hour)
	p.within("throttle.effect_window", t.EffectWindow, time.Second, 5*time.Minute)
	p.within("throttle.probe_every", t.ProbeEvery, 100*time.Millisecond, 10*time.Minute)
	if t.MaxTenants < 1 {
		p.add("throttle.max_tenants %d: want at least 1; to throttle nobody, leave throttle.enforce empty or run: tollkeeper throttle freeze", t.MaxTenants)
	}
	if t.EscalateTo != "" && hardness(t.EscalateTo) < hardness(gateway.Slow) {
		p.add("throttle.escalate_to %q: want slow, cap or block, or nothing to not escalate", t.EscalateTo)
	}
	for i, tenant := range t.EnforceSpikes {
		if !slices.Contains(t.Enforce, tenant) {
			p.add("throttle.enforce_spikes[%d] %q: list the tenant in throttle.enforce too", i, tenant)
		}
	}
	if t.Gateway.URL == "" {
		if len(t.Enforce) > 0 {
			p.add("throttle.enforce names tenants, but throttle.gateway.url is empty: give the gateway's webhook address")
		}
		return
	}
	p.nested("throttle.gateway.", t.Gateway.Validate())
}
