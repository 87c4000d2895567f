package alerts

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// everyone is the tenant of a rule that watches all tenants, each by itself.
const everyone = "*"

// budgets evaluates all budget rules together, with one query per distinct window.
type budgets struct {
	rules    []Budget
	periods  []period
	sums     *sums
	history  *history
	zones    zones
	projects map[key]projected     // forecasts are made anew every projectEvery
	earlier  map[window]closedPart // what windows held before the calls among which a crossing one is looked for
}

func newBudgets(rules []Budget, h *history) (*budgets, error) {
	b := &budgets{sums: newSums(), history: h, projects: map[key]projected{}, earlier: map[window]closedPart{}}
	return b, b.replace(rules)
}

// replace changes the rules.
func (b *budgets) replace(rules []Budget) error {
	var periods []period
	var complete []Budget
	for _, r := range rules {
		p, err := parsePeriod(r.Period, r.TimeZone)
		if err != nil {
			return fmt.Errorf("budget %s: %w", r.Name, err)
		}
		complete, periods = append(complete, r.withDefaults()), append(periods, p)
	}
	b.rules, b.periods, b.projects = complete, periods, map[key]projected{}
	return nil
}

// evaluate returns a verdict for every threshold of every budget. firing tells which keys have an open episode.
func (b *budgets) evaluate(ctx context.Context, t *tick, open episodes) ([]verdict, error) {
	var out []verdict
	if len(b.rules) > 0 {
		if err := b.zones.look(ctx, t); err != nil {
			return nil, err
		}
	}
	for i, rule := range b.rules {
		for _, p := range b.zones.periods(rule, b.periods[i]) {
			w := p.at(t.now)
			totals, err := b.sums.of(ctx, t, rule.By, w)
			if err != nil {
				return nil, err
			}
			for _, s := range rule.subjects(totals, open) {
				if !p.holds(s.tenant) {
					continue
				}
				v, err := b.watch(ctx, t, rule, w, s, totals[s], open)
				if err != nil {
					return nil, fmt.Errorf("budget %s of %s: %w", rule.Name, s, err)
				}
				out = append(out, v...)
			}
		}
	}
	b.sums.forget(t.now)
	return out, nil
}

func (b *budgets) watch(ctx context.Context, t *tick, rule Budget, w window, s who, sum total, open episodes) ([]verdict, error) {
	amount := rule.amountOf(s.tenant)
	if amount.Sign() <= 0 {
		return nil, nil
	}
	out, err := rule.verdicts(t, w, s, amount, sum, open)
	if err != nil {
		return nil, err
	}
	forecasts, err := b.forecasts(ctx, t, rule, w, s, amount, sum)
	if err != nil {
		return nil, err
	}
	burns, err := b.burns(ctx, t, rule, w, s, amount)
	return slices.Concat(out, forecasts, burns), err
}

// subjects are those the rule is about: the one it names, or all that spend or have an open episode.
func (b Budget) subjects(totals map[who]total, open episodes) []who {
	if b.Tenant != everyone && (b.By == byTenant || b.Value != "") {
		return []who{{b.Tenant, b.Value}}
	}
	var out []who
	add := func(s who) {
		if (b.Tenant == everyone || b.Tenant == s.tenant) && (b.Value == "" || b.Value == s.value) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for s := range totals {
		if b.By == byTenant || s.value != "" {
			add(s)
		}
	}
	for k := range open {
		if strings.SplitN(k.rule, ":", 2)[0] == b.Name && k.by == b.By {
			add(who{k.tenant, k.value})
		}
	}
	return out
}

func (b Budget) amountOf(tenant string) ledger.Sum {
	if own, ok := b.Overrides[tenant]; ok {
		return own.Sum
	}
	return b.Amount.Sum
}

func (b Budget) verdicts(t *tick, w window, s who, amount ledger.Sum, sum total, open episodes) ([]verdict, error) {
	var out []verdict
	higher := false // a higher threshold is crossed: lower ones needn't tell it again
	for _, threshold := range slices.Backward(b.Thresholds) {
		need, err := detect.Percent(amount, threshold)
		if err != nil {
			return nil, err
		}
		k := key{rule: b.Name, tenant: s.tenant, threshold: threshold, by: b.By, value: s.value}
		crossed := sum.spend.Cmp(need) >= 0
		v := verdict{
			key: k, kind: KindBudget, severity: Warning, known: t.fresh, clearFor: b.ClearAfter,
			holds: crossed && (!higher || open[k] != nil), clear: !crossed && !t.behind,
			value: sum.spend, threshold: need, window: window{w.from, t.now},
			detail: detail{Window: w.String(), Threshold: threshold, Amount: amount.String(), Calls: sum.calls, Unpriced: sum.unpriced},
		}
		if threshold >= 100 {
			v.severity = Critical
		}
		if b.Throttle != nil && threshold >= b.Throttle.At {
			v.throttle = b.Throttle
		}
		v.summary = fmt.Sprintf("%s has spent %s%s USD of its %s USD for %s: %d %% are %s USD",
			s, atLeast(sum.unpriced), sum.spend.Short(), amount.Short(), w, threshold, need.Short())
		v.reach = &reach{s, w, need}
		higher = higher || crossed
		out = append(out, v)
	}
	return out, nil
}

// atLeast marks a sum that unpriced calls make a lower bound (DESIGN law 3).
func atLeast(unpriced uint64) string {
	if unpriced > 0 {
		return "at least "
	}
	return ""
}
