package alerts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// UnitFile is a file of tests of rules, after the shape of Prometheus' promtool test rules.
type UnitFile struct {
	RuleFiles []string      `yaml:"rule_files"` // paths beside the file
	Rules     Rules         `yaml:"rules"`      // or the rules themselves
	Every     time.Duration `yaml:"evaluation_interval"`
	Tests     []UnitTest    `yaml:"tests"`
}

// UnitTest is one series and what is expected of it.
type UnitTest struct {
	Name   string       `yaml:"name"`
	Start  time.Time    `yaml:"start"`  // of the series; 2026-11-02T00:00:00Z, a Monday, if empty
	From   string       `yaml:"from"`   // from when rules are evaluated, after the start; 0s if empty: what is before is history
	Input  []UnitSeries `yaml:"input"`  // who calls
	Stops  []UnitStop   `yaml:"stops"`  // when the ledger stands still
	Expect []UnitExpect `yaml:"expect"` // in any order
}

// UnitSeries is what one subject spends.
type UnitSeries struct {
	Tenant string            `yaml:"tenant"`
	Labels map[string]string `yaml:"labels"` // team, key, model, provider_model, trace, conversation, agent
	Every  time.Duration     `yaml:"interval"`
	USD    string            `yaml:"usd"`   // per interval: "0.02x600 0.10x30 _x60": amount x times, _ is nothing
	Calls  string            `yaml:"calls"` // the same, of calls; 1 per interval that spends if empty
	// Of the calls: without price, in doubt, answered 429.
	Unpriced string        `yaml:"unpriced"`
	Flagged  string        `yaml:"flagged"`
	Limited  string        `yaml:"limited"`
	Tokens   string        `yaml:"tokens"`
	Late     time.Duration `yaml:"late"` // received so long after
}

// UnitStop is a time in which nothing reaches the ledger.
type UnitStop struct {
	At  string        `yaml:"at"`
	For time.Duration `yaml:"for"`
}

// UnitExpect says what fires at a time.
type UnitExpect struct {
	At     string      `yaml:"at"`   // after the start: 10h5m, or 3d
	Rule   string      `yaml:"rule"` // only this rule; all if empty
	Alerts []UnitAlert `yaml:"alerts"`
}

// UnitAlert is an episode that fires. What is empty isn't compared.
type UnitAlert struct {
	Rule      string `yaml:"rule"`
	Tenant    string `yaml:"tenant"`
	Value     string `yaml:"value"` // the team, key, model …
	Severity  string `yaml:"severity"`
	Threshold int    `yaml:"threshold"`
}

func (a UnitAlert) String() string {
	parts := []string{a.Rule}
	for _, p := range []string{a.Tenant, a.Value, a.Severity} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if a.Threshold != 0 {
		parts = append(parts, strconv.Itoa(a.Threshold))
	}
	return strings.Join(parts, " ")
}

func (a UnitAlert) is(f Fired) bool {
	same := func(want, got string) bool { return want == "" || want == got }
	return same(a.Rule, f.Rule) && same(a.Tenant, f.Tenant) && same(a.Value, f.Value) && same(a.Severity, f.Severity) && (a.Threshold == 0 || a.Threshold == f.Threshold)
}

// ParseUnits reads a file of tests. open reads a file of rules beside it.
func ParseUnits(text []byte, open func(path string) ([]byte, error)) (*UnitFile, error) {
	var u UnitFile
	if err := yaml.UnmarshalWithOptions(text, &u, yaml.DisallowUnknownField()); err != nil {
		return nil, errors.New(yaml.FormatError(err, false, false))
	}
	for _, path := range u.RuleFiles {
		body, err := open(filepath.Clean(path))
		if err != nil {
			return nil, err
		}
		more, err := ParseRules(body)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		u.Rules = u.Rules.with(more)
	}
	if u.Every == 0 {
		u.Every = 5 * time.Second
	}
	if u.Every < time.Second || u.Every > time.Hour {
		return nil, fmt.Errorf("evaluation_interval %s: want 1s to 1h", u.Every)
	}
	if len(u.Tests) == 0 {
		return nil, errors.New("no tests")
	}
	c := u.Rules.config()
	c.ClickHouse = "http://127.0.0.1/none" // not read: series are
	return &u, c.Validate()
}

func (r Rules) with(o Rules) Rules {
	return Rules{slices.Concat(r.Budgets, o.Budgets), slices.Concat(r.Spikes, o.Spikes), slices.Concat(r.Runaways, o.Runaways), slices.Concat(r.Shares, o.Shares),
		slices.Concat(r.Silences, o.Silences), slices.Concat(r.Limits, o.Limits), slices.Concat(r.Maintenance, o.Maintenance)}
}

// UnitResult is what came of one test: Wrong is empty if all was as expected.
type UnitResult struct {
	Name  string
	Wrong []string
}

// Run evaluates every test by the code that watches the ledger live.
func (u *UnitFile) Run(ctx context.Context) ([]UnitResult, error) {
	var out []UnitResult
	for i, t := range u.Tests {
		if t.Name == "" {
			t.Name = fmt.Sprintf("test %d", i+1)
		}
		wrong, err := t.run(ctx, u.Rules, u.Every)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		out = append(out, UnitResult{t.Name, wrong})
	}
	return out, nil
}

func (t UnitTest) run(ctx context.Context, rules Rules, every time.Duration) ([]string, error) {
	start := t.Start
	if start.IsZero() {
		start = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	}
	begin, err := after(t.From)
	if err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	var points []Point
	for i, s := range t.Input {
		more, err := s.points(start)
		if err != nil {
			return nil, fmt.Errorf("input[%d]: %w", i, err)
		}
		points = append(points, more...)
	}
	tape := NewTape(points)
	for _, s := range t.Stops {
		at, err := after(s.At)
		if err != nil {
			return nil, fmt.Errorf("stops: %w", err)
		}
		tape.Stop(start.Add(at), start.Add(at+s.For))
	}
	expect := map[time.Duration][]UnitExpect{}
	for i, e := range t.Expect {
		at, err := after(e.At)
		if err != nil || at < begin {
			return nil, fmt.Errorf("expect[%d].at %q: want a time like 10h5m after the start, not before from %s", i, e.At, begin)
		}
		expect[at] = append(expect[at], e)
	}
	if len(expect) == 0 {
		return nil, errors.New("nothing is expected")
	}
	s, err := Simulate(rules.config(), tape, start.Add(begin))
	if err != nil {
		return nil, err
	}
	var wrong []string
	now := begin
	for _, at := range slices.Sorted(maps.Keys(expect)) {
		for ; now < at; now += every {
			if err := s.Step(ctx, start.Add(now)); err != nil {
				return nil, err
			}
		}
		if err := s.Step(ctx, start.Add(at)); err != nil {
			return nil, err
		}
		now = at + every
		for _, e := range expect[at] {
			wrong = append(wrong, e.compare(s.Fired())...)
		}
	}
	return wrong, nil
}

// compare holds what fires against what is expected: each exactly once.
func (e UnitExpect) compare(all []Fired) (wrong []string) {
	var fires []Fired
	for _, f := range all {
		if f.To.IsZero() && (e.Rule == "" || e.Rule == f.Rule) && (f.Kind != KindFreshness || e.Rule == f.Rule || slices.ContainsFunc(e.Alerts, func(a UnitAlert) bool { return a.Rule == f.Rule })) {
			fires = append(fires, f)
		}
	}
	for _, want := range e.Alerts {
		want.Rule = or(want.Rule, e.Rule)
		if i := slices.IndexFunc(fires, want.is); i >= 0 {
			fires = slices.Delete(fires, i, i+1)
		} else {
			wrong = append(wrong, fmt.Sprintf("at %s: %s is expected and doesn't fire", e.At, want))
		}
	}
	for _, f := range fires {
		wrong = append(wrong, fmt.Sprintf("at %s: %s fires and isn't expected: %s", e.At, UnitAlert{f.Rule, f.Tenant, f.Value, f.Severity, f.Threshold}, f.Summary))
	}
	return wrong
}

func (s UnitSeries) points(start time.Time) ([]Point, error) {
	if s.Tenant == "" || s.Every < time.Second {
		return nil, errors.New("want a tenant and an interval of at least 1s")
	}
	usd, err := series(s.USD)
	if err != nil {
		return nil, fmt.Errorf("usd: %w", err)
	}
	columns := map[string][]ledger.Sum{}
	for name, text := range map[string]string{"calls": s.Calls, "unpriced": s.Unpriced, "flagged": s.Flagged, "limited": s.Limited, "tokens": s.Tokens} {
		if columns[name], err = series(text); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	length := len(usd)
	for _, c := range columns {
		length = max(length, len(c))
	}
	if length > 5_000_000 {
		return nil, fmt.Errorf("%d intervals: want at most 5 million", length)
	}
	count := func(name string, i int) uint64 {
		if c := columns[name]; i < len(c) {
			n, _ := strconv.ParseUint(whole(c[i]), 10, 64) // series checked that it is whole
			return n
		}
		return 0
	}
	var out []Point
	for i := range length {
		p := Point{At: start.Add(time.Duration(i) * s.Every), Late: s.Late, Tenant: s.Tenant, Labels: s.Labels,
			Calls: count("calls", i), Unpriced: count("unpriced", i), Flagged: count("flagged", i), Limited: count("limited", i), Tokens: count("tokens", i)}
		if i < len(usd) {
			p.Spend = usd[i]
		}
		if s.Calls == "" && p.Spend.Sign() > 0 {
			p.Calls = 1
		}
		if p.Calls > 0 {
			out = append(out, p)
		}
	}
	return out, nil
}

// series reads "0.02x600 _x60 1": amounts, each so many times; _ is 0.
func series(text string) ([]ledger.Sum, error) {
	var out []ledger.Sum
	for _, part := range strings.Fields(text) {
		amount, times, repeated := strings.Cut(part, "x")
		n := 1
		if repeated {
			var err error
			if n, err = strconv.Atoi(times); err != nil || n < 1 || n > 5_000_000 {
				return nil, fmt.Errorf("%q: want an amount and how often, like 0.02x600", part)
			}
		}
		var sum ledger.Sum
		if amount != "_" {
			var err error
			if sum, err = ledger.ParseSum(amount); err != nil || sum.Sign() < 0 {
				return nil, fmt.Errorf("%q: want an amount of at least 0 and how often, like 0.02x600, or _x60", part)
			}
		}
		if len(out)+n > 5_000_000 {
			return nil, errors.New("more than 5 million intervals")
		}
		for range n {
			out = append(out, sum)
		}
	}
	return out, nil
}

// after reads a time after the start: a duration, which may begin with days: 3d4h.
func after(text string) (time.Duration, error) {
	var days time.Duration
	rest := text
	if d, more, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.Atoi(d)
		if err != nil || n < 0 || n > 400 {
			return 0, fmt.Errorf("%q: want a time like 10h5m or 3d4h", text)
		}
		days, rest = time.Duration(n)*24*time.Hour, more
	}
	if rest == "" {
		return days, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q: want a time like 10h5m or 3d4h", text)
	}
	return days + d, nil
}
