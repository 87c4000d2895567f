package alerts

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// Described is a rule in words, for people who don't read the configuration.
type Described struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`     // budget, spike, runaway, share, silence, limit: a page of docs/alerts each
	Watches  string `json:"watches"`  // whom
	Fires    string `json:"fires"`    // when, defaults written out
	Throttle string `json:"throttle"` // what is ordered at the gateway; empty: it tells people only
	Bites    string `json:"bites"`    // whose throttle is meant; of all others it is a dry run
}

// Describe puts rules into words, kind by kind, in the order in which they are written down.
func (r Rules) Describe(t ThrottleConfig) (out []Described) {
	add := func(name, kind, watches, fires string, p *Policy, enforced []string) {
		d := Described{Name: name, Kind: kind, Watches: watches, Fires: fires}
		if p != nil {
			d.Throttle, d.Bites = p.describe(), "nobody: dry run"
			if t.Gateway.URL != "" && len(enforced) > 0 {
				d.Bites = strings.Join(enforced, ", ")
			}
		}
		out = append(out, d)
	}
	for _, b := range r.Budgets {
		b = b.withDefaults()
		add(b.Name, "budget", scope(b.Tenant, b.By, b.Value)+others(len(b.Overrides)), b.describe(), b.Throttle, t.Enforce)
	}
	for _, s := range r.Spikes {
		s = s.withDefaults()
		add(s.Name, "spike", scope(s.Tenant, s.By, s.Value)+others(len(s.Overrides)), fmt.Sprintf("%s the usual spend within %s to %s, by more than chance, and at least %s USD and %s there and %s USD an hour",
			factor(s.Factor), length(s.Window), length(s.LongWindow), s.MinUSD.Short(), calls(s.MinCalls), s.MinPerHour.Short()), s.Throttle, t.EnforceSpikes)
	}
	for _, w := range r.Runaways {
		w = w.withDefaults()
		var limits []string
		if w.USD.Sign() > 0 {
			limits = append(limits, w.USD.Short()+" USD")
		}
		if w.Calls > 0 {
			limits = append(limits, calls(w.Calls))
		}
		add(w.Name, "runaway", scope(w.Tenant, w.By, "")+others(len(w.Overrides)), fmt.Sprintf("%s in %s", strings.Join(limits, " or "), length(w.Window)), w.Throttle, t.Enforce)
	}
	for _, s := range r.Shares {
		s = s.withDefaults()
		add(s.Name, "share", scope(s.Tenant, s.By, s.Value)+others(len(s.Overrides)), fmt.Sprintf("%d %% of the calls in %s are %s, of at least %s", s.Percent, length(s.Window), s.Of, calls(s.MinCalls)), nil, nil)
	}
	for _, s := range r.Silences {
		s = s.withDefaults()
		add(s.Name, "silence", scope(s.Tenant, s.By, s.Value)+others(len(s.Overrides)), fmt.Sprintf("no call for %s at an hour in which %s are usual in that time", length(s.For), calls(s.MinCalls)), nil, nil)
	}
	for _, l := range r.Limits {
		l = l.withDefaults()
		fires := fmt.Sprintf("%d %% of the calls in %s are answered 429, of at least %s", l.Percent, length(l.Window), calls(l.MinCalls))
		if l.TokensPerMinute > 0 {
			fires += fmt.Sprintf("; the quota is %d tokens a minute", l.TokensPerMinute)
		} else if n := len(l.Quotas); n > 0 {
			fires += fmt.Sprintf("; quotas of %d models", n)
		}
		watches := "every model's rate limit"
		if l.Model != "" {
			watches = "the rate limit of " + l.Model
		}
		if l.Account != "" {
			watches += " on the account " + l.Account
		}
		add(l.Name, "limit", watches, fires, nil, nil)
	}
	return out
}

func (b Budget) describe() string {
	said := fmt.Sprintf("%s of %s USD a %s", percents(b.Thresholds), b.Amount.Short(), b.Period)
	if b.TimeZone != "" {
		said += " in " + b.TimeZone
	}
	if len(b.Forecast) > 0 {
		said += fmt.Sprintf("; foreseen to reach %s", percents(b.Forecast))
	}
	if b.Burn != nil {
		var paces []string
		for _, w := range b.Burn.Windows {
			paces = append(paces, fmt.Sprintf("%s in %s", factor(w.Factor), length(w.Long)))
		}
		said += "; a pace of " + strings.Join(paces, ", ")
	}
	return said
}

func (p *Policy) describe() string {
	if p.Level == gateway.Block {
		return "block"
	}
	var limits []string
	if p.Requests > 0 {
		limits = append(limits, fmt.Sprintf("%d requests", p.Requests))
	}
	if p.Tokens > 0 {
		limits = append(limits, fmt.Sprintf("%d tokens", p.Tokens))
	}
	if p.USD.Sign() > 0 {
		limits = append(limits, p.USD.Short()+" USD")
	}
	if len(limits) == 0 {
		return string(p.Level)
	}
	return fmt.Sprintf("%s: %s in %s", p.Level, strings.Join(limits, ", "), length(p.Per))
}

func scope(tenant, by, value string) string {
	who := "every tenant"
	if tenant != "" && tenant != "*" {
		who = tenant
	}
	switch {
	case by == "":
		return who
	case value == "":
		return fmt.Sprintf("every %s of %s", by, who)
	}
	return fmt.Sprintf("%s %s of %s", by, value, who)
}

func others(overrides int) string {
	switch overrides {
	case 0:
		return ""
	case 1:
		return " (one has limits of its own)"
	}
	return fmt.Sprintf(" (%d have limits of their own)", overrides)
}

func percents(of []int) string {
	var said []string
	for _, p := range slices.Compact(slices.Sorted(slices.Values(of))) {
		said = append(said, fmt.Sprint(p))
	}
	return strings.Join(said, ", ") + " %"
}

func calls(n int) string {
	if n == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}

// factor writes a factor: 14.4×.
func factor(of Decimal) string {
	text := of.Short()
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + "×"
}

// length writes a duration as people do: 90s, 5m, 72h.
func length(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}
