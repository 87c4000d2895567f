package alerts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// closedEvery is how often the closed part of budgets is read again, beside every time that it grows.
const closedEvery = 10 * time.Second

// budgets evaluates all budget rules together, with one query per distinct window.
type budgets struct {
	rules   []Budget
	periods []period
	closed  map[time.Time]closedPart // by start of the window
}

type closedPart struct {
	to   time.Time
	read time.Time
	sums map[string]total
}

func newBudgets(rules []Budget) (*budgets, error) {
	b := &budgets{closed: map[time.Time]closedPart{}}
	for _, r := range rules {
		p, err := parsePeriod(r.Period)
		if err != nil {
			return nil, fmt.Errorf("budget %s: %w", r.Name, err)
		}
		b.rules, b.periods = append(b.rules, r.withDefaults()), append(b.periods, p)
	}
	return b, nil
}

// evaluate returns a verdict for every threshold of every budget. firing tells which keys have an open episode.
func (b *budgets) evaluate(ctx context.Context, t *tick, firing func(key) bool) ([]verdict, error) {
	sums, err := b.sums(ctx, t)
	if err != nil {
		return nil, err
	}
	var out []verdict
	for i, rule := range b.rules {
		w := b.periods[i].at(t.now)
		v, err := rule.verdicts(t, w, sums[w][rule.Tenant], firing)
		if err != nil {
			return nil, fmt.Errorf("budget %s: %w", rule.Name, err)
		}
		out = append(out, v...)
	}
	return out, nil
}

// sums are the totals of every window in use: exact by start where minutes can't make up the window, else the rollups up
// to the open minutes plus the calls since.
func (b *budgets) sums(ctx context.Context, t *tick) (map[window]map[string]total, error) {
	tenants := map[window][]string{}
	for i, rule := range b.rules {
		w := b.periods[i].at(t.now)
		if !slices.Contains(tenants[w], rule.Tenant) {
			tenants[w] = append(tenants[w], rule.Tenant)
		}
	}
	b.forget(tenants)
	out := map[window]map[string]total{}
	for w, names := range tenants {
		var err error
		if !w.wholeMinutes() {
			out[w], err = t.ledger.exact(ctx, w, names)
		} else {
			out[w], err = b.sumOf(ctx, t, w, names)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b *budgets) sumOf(ctx context.Context, t *tick, w window, tenants []string) (map[string]total, error) {
	out := map[string]total{}
	if w.from.Before(t.openFrom) {
		part := b.closed[w.from]
		if part.sums == nil || !part.to.Equal(t.openFrom) || t.now.Sub(part.read) >= closedEvery {
			sums, err := t.ledger.closed(ctx, w.from, t.openFrom, tenants)
			if err != nil {
				return nil, err
			}
			part = closedPart{t.openFrom, t.now, sums}
			b.closed[w.from] = part
		}
		for tenant, sum := range part.sums {
			out[tenant] = sum
		}
	}
	for _, tenant := range tenants {
		out[tenant] = out[tenant].plus(t.recent.of(tenant, later(w.from, t.openFrom), w.to))
	}
	return out, nil
}

// forget drops the closed parts of windows that have passed.
func (b *budgets) forget(inUse map[window][]string) {
	for from := range b.closed {
		if !slices.ContainsFunc(windows(inUse), func(w window) bool { return w.from.Equal(from) }) {
			delete(b.closed, from)
		}
	}
}

func windows(m map[window][]string) (out []window) {
	for w := range m {
		out = append(out, w)
	}
	return out
}

func (b Budget) verdicts(t *tick, w window, sum total, firing func(key) bool) ([]verdict, error) {
	var out []verdict
	higher := false // a higher threshold is crossed: lower ones needn't tell it again
	for _, threshold := range slices.Backward(b.Thresholds) {
		need, err := percent(b.Amount.Sum, threshold)
		if err != nil {
			return nil, err
		}
		k := key{b.Name, b.Tenant, threshold}
		crossed := sum.spend.Cmp(need) >= 0
		v := verdict{
			key: k, kind: KindBudget, severity: Warning, known: t.fresh, clearFor: b.ClearAfter,
			holds: crossed && (!higher || firing(k)), clear: !crossed && !t.behind,
			value: sum.spend, threshold: need,
			detail: detail{Window: w.String(), Threshold: threshold, Calls: sum.calls, Unpriced: sum.unpriced},
		}
		if threshold >= 100 {
			v.severity = Critical
		}
		if b.Throttle != nil && threshold >= b.Throttle.At {
			v.throttle = b.Throttle
		}
		v.summary = fmt.Sprintf("%s has spent %s%s USD of its %s USD for %s: %d %% are %s USD",
			b.Tenant, atLeast(sum.unpriced), sum.spend.Short(), b.Amount.Short(), w, threshold, need.Short())
		v.cross = func(ctx context.Context) (time.Time, error) { return t.crossing(ctx, b.Tenant, w, need, sum) }
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

// crossingReach bounds how far back the crossing call is looked for among the calls.
const crossingReach = time.Hour

// crossing is the receipt of the call with which the window's total reached need. Spend from before the reach is taken
// from the rollups; if that alone reaches need, the rule was crossed while nobody looked, and the newest receipt stands.
func (t *tick) crossing(ctx context.Context, tenant string, w window, need ledger.Sum, sum total) (time.Time, error) {
	search := w
	if start := t.openFrom.Add(-crossingReach); w.from.Before(start) {
		before, err := t.ledger.closed(ctx, w.from, start, []string{tenant})
		if err != nil {
			return time.Time{}, err
		}
		search.from = start
		need = need.Sub(before[tenant].spend)
	}
	if need.Sign() > 0 {
		at, ok, err := t.ledger.crossing(ctx, tenant, search, need)
		if err != nil || ok {
			return at, err
		}
	}
	return t.newest, nil
}
