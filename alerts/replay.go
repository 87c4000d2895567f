package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/goccy/go-yaml"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Rules are the rules of a configuration by themselves: what a replay and a test of rules read from a file.
type Rules struct {
	Budgets     []Budget      `yaml:"budgets"`
	Spikes      []Spike       `yaml:"spikes"`
	Runaways    []Runaway     `yaml:"runaways"`
	Shares      []Share       `yaml:"shares"`
	Silences    []Silence     `yaml:"silences"`
	Limits      []Limit       `yaml:"limits"`
	Maintenance []Maintenance `yaml:"maintenance"`
}

// ParseRules reads a file of rules: the keys are those of the section alerts of the configuration.
func ParseRules(text []byte) (Rules, error) {
	var r Rules
	if err := yaml.UnmarshalWithOptions(text, &r, yaml.DisallowUnknownField()); err != nil {
		return r, errors.New(yaml.FormatError(err, false, false))
	}
	if len(r.Budgets)+len(r.Spikes)+len(r.Runaways)+len(r.Shares)+len(r.Silences)+len(r.Limits) == 0 {
		return r, errors.New("no rules: want budgets, spikes, runaways, shares, silences or limits, as in the section alerts of the configuration")
	}
	return r, nil
}

// Rules are the configuration's own.
func (c *Config) Rules() Rules {
	return Rules{c.Budgets, c.Spikes, c.Runaways, c.Shares, c.Silences, c.Limits, c.Maintenance}
}

// config is one that watches by these rules and nothing else.
func (r Rules) config() Config {
	c := DefaultConfig()
	c.Watchdog = false
	c.Budgets, c.Spikes, c.Runaways, c.Shares, c.Silences, c.Limits, c.Maintenance = r.Budgets, r.Spikes, r.Runaways, r.Shares, r.Silences, r.Limits, r.Maintenance
	return c
}

// dimensions are the parts of tenants that the rules look at.
func (r Rules) dimensions() (out []string) {
	for _, b := range r.Budgets {
		out = append(out, b.By)
	}
	for _, s := range r.Shares {
		out = append(out, s.By)
	}
	for _, s := range r.Silences {
		out = append(out, s.By)
	}
	for _, s := range r.Spikes {
		out = append(out, s.By)
	}
	for _, x := range r.Runaways {
		out = append(out, x.By)
	}
	if len(r.Limits) > 0 {
		out = append(out, byProviderModel)
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(d string) bool { return d == byTenant })
}

// Replay is what rules would have done over a time of the ledger.
type Replay struct {
	From, To time.Time
	Step     time.Duration
	Fired    []Fired
	Calls    uint64
	spend    map[string]map[int64]ledger.Sum // by tenant and minute
}

// Reach of a replay: calls one by one from rawReach before its begin, by the hour before.
const (
	rawReach   = 8 * time.Hour
	mostReplay = 62 * 24 * time.Hour
)

// Replay evaluates the rules over [from, to] of the ledger, every step, by the code that watches it live. Nothing is written
// and nobody is told. Calls are known from when they were received; how late ingest was isn't known any more.
func (j *Journal) Replay(ctx context.Context, r Rules, from, to time.Time, step time.Duration, progress func(done, all time.Duration)) (*Replay, error) {
	switch {
	case !from.Before(to) || to.Sub(from) > mostReplay:
		return nil, fmt.Errorf("from %s to %s: want at most %s, and from before to", from.Format(time.RFC3339), to.Format(time.RFC3339), mostReplay)
	case step < time.Second || step > time.Hour:
		return nil, fmt.Errorf("every %s: want 1s to 1h", step)
	}
	from, to = from.UTC(), to.UTC()
	points, out, err := j.store.points(ctx, r, from, to)
	if err != nil {
		return nil, err
	}
	out.From, out.To, out.Step = from, to, step
	tape := NewTape(points)
	if tape.before, err = j.store.dispersions(ctx, from.Truncate(day).Add(-detect.GrainDays*day), from.Truncate(day)); err != nil {
		return nil, err
	}
	s, err := Simulate(r.config(), tape, from)
	if err != nil {
		return nil, err
	}
	for now := from; !now.After(to); now = now.Add(step) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.Step(ctx, now); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(now.Sub(from), to.Sub(from))
		}
	}
	out.Fired = slices.DeleteFunc(slices.Clone(s.Fired()), func(f Fired) bool { return f.Kind == KindFreshness })
	return out, nil
}

// points reads the calls of the time, and the history before it by the hour.
func (r reader) points(ctx context.Context, rules Rules, from, to time.Time) ([]Point, *Replay, error) {
	out := &Replay{spend: map[string]map[int64]ledger.Sum{}}
	raw := from.Add(-rawReach).Truncate(time.Hour)
	var points []Point
	for _, dimension := range append([]string{byTenant}, rules.dimensions()...) {
		if !slices.Contains([]string{byTenant, byTeam, byKey, byModel}, dimension) {
			continue // no rule looks at its history
		}
		hours, err := r.hours(ctx, dimension, raw.Add(-rules.history()).Truncate(time.Hour), raw)
		if err != nil {
			return nil, nil, err
		}
		for w, h := range hours {
			for at, hour := range h {
				points = append(points, Point{At: time.Unix(at, 0).UTC().Add(30 * time.Minute), Tenant: w.tenant, Labels: map[string]string{dimension: w.value}, Spend: hour.Spend, Calls: hour.Calls, only: dimension, whole: true})
			}
		}
	}
	p := params{"from": second(raw), "to": second(to.Add(time.Minute)), "dimensions": strings.Join(rules.dimensions(), ","), "doubt": flag(ledger.FlagsDoubt), "limited": flag(ledger.FlagRateLimited)}
	err := r.each(ctx, "replay", p, func(rows driver.Rows) error {
		var x Point
		var minute, newest int64
		var amount, biggest string
		labels := make([]string, len(replayLabels))
		into := []any{&x.Tenant, &minute, &newest}
		for i := range labels {
			into = append(into, &labels[i])
		}
		if err := rows.Scan(append(into, &amount, &biggest, &x.Calls, &x.Unpriced, &x.Flagged, &x.Limited, &x.Tokens)...); err != nil {
			return err
		}
		received := time.UnixMilli(newest).UTC()
		start := time.Unix(minute, 0).UTC()
		x.At = later(start, earlier(received, start.Add(time.Minute-time.Second)))
		x.Late = max(0, received.Sub(x.At))
		x.Labels = map[string]string{}
		for i, name := range replayLabels {
			x.Labels[name] = labels[i]
		}
		var err error
		if x.Spend, err = ledger.ParseSum(amount); err != nil {
			return err
		}
		if x.Biggest, err = ledger.ParseSum(biggest); err != nil {
			return err
		}
		points = append(points, x)
		if !x.At.Before(from) {
			out.Calls += x.Calls
			if out.spend[x.Tenant] == nil {
				out.spend[x.Tenant] = map[int64]ledger.Sum{}
			}
			out.spend[x.Tenant][minute] = out.spend[x.Tenant][minute].Add(x.Spend)
		}
		return nil
	})
	return points, out, err
}

// replayLabels are the columns of the query replay, in its order.
var replayLabels = []string{byTeam, byKey, byModel, byProviderModel, "trace", "conversation", "agent"}

// history is how far back the rules look.
func (r Rules) history() time.Duration {
	back := historyReach
	for _, s := range r.Spikes {
		back = max(back, s.History)
	}
	return back
}

// Spend is a tenant's spend in n equal parts of the time, and the tenants by what they spent are Tenants.
func (r *Replay) Spend(tenant string, n int) []ledger.Sum {
	out := make([]ledger.Sum, n)
	for minute, sum := range r.spend[tenant] {
		if i := r.Column(time.Unix(minute, 0), n); i >= 0 && i < n {
			out[i] = out[i].Add(sum)
		}
	}
	return out
}

// Column is in which of n equal parts of the time a moment lies; it may lie outside.
func (r *Replay) Column(at time.Time, n int) int {
	return int(at.Sub(r.From) * time.Duration(n) / (r.To.Sub(r.From) + 1))
}

// Tenants lists those with episodes first, then those that spent most.
func (r *Replay) Tenants() []string {
	total := func(tenant string) ledger.Sum { return r.Spend(tenant, 1)[0] }
	fired := map[string]bool{}
	var out []string
	for _, f := range r.Fired {
		if f.Tenant != "" && !fired[f.Tenant] {
			fired[f.Tenant] = true
			out = append(out, f.Tenant)
		}
	}
	slices.Sort(out)
	var quiet []string
	for tenant := range r.spend {
		if !fired[tenant] {
			quiet = append(quiet, tenant)
		}
	}
	slices.SortFunc(quiet, func(a, b string) int {
		if c := total(b).Cmp(total(a)); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return append(out, quiet...)
}

// RulesInForce are those of the configuration with the budgets of the database.
func (j *Journal) RulesInForce(ctx context.Context, c Config) (Rules, error) {
	r := c.Rules()
	if !c.BudgetsTable {
		return r, nil
	}
	versions, err := j.store.budgets(ctx, "budgets", nil)
	if err != nil {
		return r, err
	}
	var wrong []error
	r.Budgets, wrong = c.withBooked(versions)
	return r, errors.Join(wrong...)
}
