package alerts

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/ledger/calendar"
)

// Burn says that a budget is also watched for being used up too fast.
type Burn struct {
	Windows  []BurnWindow `yaml:"windows,omitempty"`  // three pairs after the SRE workbook if empty
	Throttle bool         `yaml:"throttle,omitempty"` // the budget's throttle applies to critical windows too
}

// BurnWindow fires when both windows spend at Factor times the pace that uses the budget up exactly at its period's end.
type BurnWindow struct {
	Long     time.Duration `yaml:"long"`
	Short    time.Duration `yaml:"short"`
	Factor   Decimal       `yaml:"factor"`
	Severity string        `yaml:"severity,omitempty"` // critical if empty
}

// defaultBurn are 2 % of a month's budget in an hour, 5 % in six hours, 10 % in three days.
func defaultBurn() []BurnWindow {
	return []BurnWindow{
		{time.Hour, 5 * time.Minute, USD(144 * ledger.USD / 10), Critical},
		{6 * time.Hour, 30 * time.Minute, USD(6 * ledger.USD), Critical},
		{72 * time.Hour, 6 * time.Hour, USD(ledger.USD), Warning},
	}
}

// Runaway is one trace, conversation, agent or key that spends or calls too much.
type Runaway struct {
	Name       string        `yaml:"name"`
	Tenant     string        `yaml:"tenant"` // empty: every tenant by itself
	By         string        `yaml:"by"`     // trace, conversation, agent or key
	Window     time.Duration `yaml:"window"` // 5m if 0
	USD        Decimal       `yaml:"usd"`    // 0: no limit
	Calls      int           `yaml:"calls"`  // 0: no limit
	ClearAfter time.Duration `yaml:"clear_after"`
	Throttle   *Policy       `yaml:"throttle"`

	Overrides map[string]RunawayOverride `yaml:"overrides"` // by tenant
}

// What a Share may be of.
const (
	ShareUnpriced = "unpriced"
	ShareFlagged  = "flagged"
)

// Share is a part of the calls that should be rare.
type Share struct {
	Name         string        `yaml:"name"`
	Tenant       string        `yaml:"tenant"`        // empty: every tenant by itself
	By           string        `yaml:"by"`            // team, key or model: a part of the tenant; empty: all of it
	Value        string        `yaml:"value"`         // which; empty: each by itself
	Of           string        `yaml:"of"`            // unpriced or flagged
	Window       time.Duration `yaml:"window"`        // 5m if 0
	Percent      int           `yaml:"percent"`       // 5 if 0
	ClearPercent int           `yaml:"clear_percent"` // half of percent if 0
	MinCalls     int           `yaml:"min_calls"`     // 20 if 0
	ClearAfter   time.Duration `yaml:"clear_after"`   // 5m if 0

	Overrides map[string]ShareOverride `yaml:"overrides"` // by tenant
}

// Silence is a tenant that usually calls at this time and doesn't.
type Silence struct {
	Name       string        `yaml:"name"`
	Tenant     string        `yaml:"tenant"`      // empty: every tenant by itself, and all together
	By         string        `yaml:"by"`          // team, key or model: each part by itself; empty: the whole tenant
	Value      string        `yaml:"value"`       // which one; empty: every one
	For        time.Duration `yaml:"for"`         // 30m if 0
	MinCalls   int           `yaml:"min_calls"`   // usual in that time, below which silence means nothing; 30 if 0
	Samples    int           `yaml:"samples"`     // hours alike in the history, below which nothing is usual; 2 if 0
	ClearAfter time.Duration `yaml:"clear_after"` // 1m if 0

	Overrides map[string]SilenceOverride `yaml:"overrides"` // by tenant
}

// Limit watches the rate limits of an account at a provider, per provider and model.
type Limit struct {
	Name            string           `yaml:"name"`
	Account         string           `yaml:"account"`           // what people call it; empty: there is one
	Tenants         []string         `yaml:"tenants"`           // whose calls go through the account; empty: all
	Model           string           `yaml:"model"`             // provider/model; empty: each by itself
	TokensPerMinute int64            `yaml:"tokens_per_minute"` // the account's quota for model; 0: by quotas
	Quotas          map[string]int64 `yaml:"quotas"`            // the same by provider/model; of others: by the headers of responses, or headroom is not reported
	Window          time.Duration    `yaml:"window"`            // 5m if 0
	Percent         int              `yaml:"percent"`           // share of calls answered 429; 20 if 0: SDKs retry a few by themselves
	ClearPercent    int              `yaml:"clear_percent"`
	MinCalls        int              `yaml:"min_calls"` // 50 if 0
	ClearAfter      time.Duration    `yaml:"clear_after"`
}

func (r Runaway) withDefaults() Runaway {
	r.Window = or(r.Window, 5*time.Minute)
	r.ClearAfter = or(r.ClearAfter, 5*time.Minute)
	return r
}

func (s Share) withDefaults() Share {
	s.Window = or(s.Window, 5*time.Minute)
	s.Percent = or(s.Percent, 5)
	s.ClearPercent = or(s.ClearPercent, (s.Percent+1)/2)
	s.MinCalls = or(s.MinCalls, 20)
	s.ClearAfter = or(s.ClearAfter, 5*time.Minute)
	return s
}

func (s Silence) withDefaults() Silence {
	s.For = or(s.For, 30*time.Minute)
	s.MinCalls = or(s.MinCalls, 30)
	s.Samples = or(s.Samples, 2)
	s.ClearAfter = or(s.ClearAfter, time.Minute)
	return s
}

func (l Limit) withDefaults() Limit {
	l.Window = or(l.Window, 5*time.Minute)
	l.Percent = or(l.Percent, 20)
	l.ClearPercent = or(l.ClearPercent, (l.Percent+1)/2)
	l.MinCalls = or(l.MinCalls, 50)
	l.ClearAfter = or(l.ClearAfter, 5*time.Minute)
	return l
}

// budgetOf is the budget that a forecast's or a burn rate's rule belongs to.
func budgetOf(rule string) string {
	return strings.TrimSuffix(strings.TrimSuffix(rule, ":forecast"), ":burn")
}

func (c *Config) validateKinds(p *problems, unique func(key, name string)) {
	for i, r := range c.Runaways {
		key := fmt.Sprintf("runaways[%d]", i)
		unique(key, r.Name)
		r.withDefaults().validate(p, key)
	}
	for i, s := range c.Shares {
		key := fmt.Sprintf("shares[%d]", i)
		unique(key, s.Name)
		s = s.withDefaults()
		if s.Of != ShareUnpriced && s.Of != ShareFlagged {
			p.add("%s.of %q: want unpriced or flagged", key, s.Of)
		}
		validateShare(p, key, s.Percent, s.ClearPercent, s.MinCalls, s.Window, s.ClearAfter)
		validateScope(p, key, s.By, s.Value)
		for tenant := range s.Overrides {
			o := s.forTenant(tenant)
			validateShare(p, key+".overrides."+tenant, o.Percent, o.ClearPercent, o.MinCalls, o.Window, o.ClearAfter)
		}
	}
	for i, s := range c.Silences {
		key := fmt.Sprintf("silences[%d]", i)
		unique(key, s.Name)
		s = s.withDefaults()
		validateScope(p, key, s.By, s.Value)
		p.within(key+".for", s.For, time.Minute, 6*time.Hour)
		p.within(key+".clear_after", s.ClearAfter, time.Millisecond, time.Hour)
		if s.MinCalls < 1 || s.Samples < 1 {
			p.add("%s: min_calls %d, samples %d: want at least 1", key, s.MinCalls, s.Samples)
		}
		for tenant := range s.Overrides {
			o := s.forTenant(tenant)
			p.within(key+".overrides."+tenant+".for", o.For, time.Minute, s.For)
			if o.MinCalls < 1 {
				p.add("%s.overrides.%s.min_calls %d: want at least 1", key, tenant, o.MinCalls)
			}
		}
	}
	for i, l := range c.Limits {
		key := fmt.Sprintf("limits[%d]", i)
		unique(key, l.Name)
		l = l.withDefaults()
		validateShare(p, key, l.Percent, l.ClearPercent, l.MinCalls, l.Window, l.ClearAfter)
		if l.TokensPerMinute < 0 || (l.TokensPerMinute > 0 && l.Model == "") {
			p.add("%s.tokens_per_minute %d: want the quota of one provider/model, named in model; quotas takes several", key, l.TokensPerMinute)
		}
		for model, quota := range l.Quotas {
			if provider, name, ok := strings.Cut(model, "/"); !ok || provider == "" || name == "" || quota < 1 {
				p.add("%s.quotas.%s %d: want provider/model and tokens a minute", key, model, quota)
			}
		}
	}
	for i, m := range c.Maintenance {
		if !m.From.Before(m.To) {
			p.add("maintenance[%d]: from %s is not before to %s", i, m.From.Format(time.RFC3339), m.To.Format(time.RFC3339))
		}
	}
}

func (r Runaway) validate(p *problems, key string) {
	if !slices.Contains([]string{"trace", "conversation", "agent", "key"}, r.By) {
		p.add("%s.by %q: want trace, conversation, agent or key", key, r.By)
	}
	p.within(key+".window", r.Window, time.Minute, 6*time.Hour)
	p.within(key+".clear_after", r.ClearAfter, time.Millisecond, 24*time.Hour)
	if r.USD.Sign() < 0 || r.Calls < 0 || (r.USD.Sign() == 0 && r.Calls == 0) {
		p.add("%s: usd %s, calls %d: want a limit of one or both", key, r.USD.Short(), r.Calls)
	}
	if r.Throttle != nil {
		r.Throttle.validate(p, key+".throttle")
	}
	for tenant, o := range r.Overrides {
		if o.USD.Sign() < 0 || o.Calls < 0 {
			p.add("%s.overrides.%s: usd %s, calls %d: want limits; 0 stays", key, tenant, o.USD.Short(), o.Calls)
		}
	}
}

func validateShare(p *problems, key string, percent, clear, calls int, window, clearAfter time.Duration) {
	if percent < 1 || percent > 100 || clear < 1 || clear > percent {
		p.add("%s.percent %d, clear_percent %d: want 1 ≤ clear_percent ≤ percent ≤ 100", key, percent, clear)
	}
	if calls < 1 {
		p.add("%s.min_calls %d: want at least 1", key, calls)
	}
	p.within(key+".window", window, time.Minute, time.Hour)
	p.within(key+".clear_after", clearAfter, time.Millisecond, 24*time.Hour)
}

// validateScope checks the part of a tenant that a rule is about.
func validateScope(p *problems, key, by, value string) {
	if !slices.Contains([]string{byTenant, byTeam, byKey, byModel}, by) {
		p.add("%s.by %q: want nothing, team, key or model", key, by)
	}
	if by == byTenant && value != "" {
		p.add("%s.value %q: say in by whether it is a team, a key or a model", key, value)
	}
}

// wholeHours reports that the zone's days begin on the hour, in summer and in winter.
func wholeHours(zone *time.Location) bool {
	for _, at := range []time.Time{time.Now(), time.Now().AddDate(0, 6, 0)} {
		if _, offset := at.In(zone).Zone(); offset%3600 != 0 {
			return false
		}
	}
	return true
}

func (b Budget) validateMore(p *problems, key string) {
	validateScope(p, key, b.By, b.Value)
	if b.By != byTenant && !slices.Contains([]string{"hour", "day", "week", "month"}, b.Period) {
		p.add("%s.period %s: want hour, day, week or month for a budget by %s", key, b.Period, b.By)
	}
	if zone, err := calendar.Zone(b.TimeZone); err == nil && (b.By == byTeam || b.By == byKey) && !wholeHours(zone) {
		p.add("%s.time_zone %s: a budget by %s is added up by whole hours, and days there begin at other times: take a zone of whole hours", key, b.TimeZone, b.By)
	}
	for tenant, amount := range b.Overrides {
		if amount.Sign() < 0 {
			p.add("%s.overrides.%s %s: want USD, 0 = not watched", key, tenant, amount.Short())
		}
	}
	for _, f := range b.Forecast {
		if f < 1 || f > 10_000 {
			p.add("%s.forecast %d: want percent, 1 to 10000", key, f)
		}
	}
	if b.Burn == nil {
		return
	}
	if b.Period != "day" && b.Period != "week" && b.Period != "month" {
		p.add("%s.burn: want a budget per day, week or month, not %s", key, b.Period)
	}
	for i, w := range b.Burn.Windows {
		k := fmt.Sprintf("%s.burn.windows[%d]", key, i)
		p.within(k+".short", w.Short, time.Minute, w.Long)
		p.within(k+".long", w.Long, time.Minute, 31*24*time.Hour)
		if w.Factor.Sign() <= 0 {
			p.add("%s.factor %s: want more than 0", k, w.Factor.Short())
		}
		if w.Severity != Critical && w.Severity != Warning {
			p.add("%s.severity %q: want critical or warning", k, w.Severity)
		}
	}
}
