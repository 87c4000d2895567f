package alerts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// spikes evaluates all spike rules.
type spikes struct {
	rules   []Spike
	history *history
	usual   map[usualKey]usualAt
	endedAt func(key) time.Time // when the last episode of a key ended; nil: nobody remembers
}

type usualKey struct {
	by         string
	back, long time.Duration
	who
}

// usualAt is the usual by one reading of the history.
type usualAt struct {
	read time.Time
	days int // of which the grain is known
	detect.Usual
	grain ledger.Sum
}

func newSpikes(rules []Spike, h *history) *spikes {
	s := &spikes{history: h, usual: map[usualKey]usualAt{}}
	for _, r := range rules {
		s.rules = append(s.rules, r.withDefaults())
	}
	return s
}

// bucket is the width in which receipts are counted: fine enough that the ragged end of a window, also of the one in
// which a throttle's effect is measured, doesn't matter.
func (s *spikes) bucket(effect time.Duration) time.Duration {
	width := 5 * time.Second
	if effect < 2*width || effect%width != 0 {
		width = time.Second
	}
	for _, r := range s.rules {
		if r.Window < 30*time.Second || r.Window%width != 0 || r.LongWindow%width != 0 {
			width = time.Second
		}
	}
	return width
}

// reach is how far back receipts are needed.
func (s *spikes) reach() (d time.Duration) {
	for _, r := range s.rules {
		d = max(d, r.Window+r.Trailing, r.LongWindow)
	}
	return d
}

// evaluate returns a verdict for every subject that spends or has an open episode.
func (s *spikes) evaluate(ctx context.Context, t *tick, open episodes) ([]verdict, error) {
	var out []verdict
	for _, rule := range s.rules {
		byRule, err := s.evaluateRule(ctx, t, rule, open)
		if err != nil {
			return nil, err
		}
		out = append(out, byRule...)
	}
	return out, nil
}

// evaluateRule looks closer only at subjects whose spend is large in itself or who have an open episode.
func (s *spikes) evaluateRule(ctx context.Context, t *tick, rule Spike, open episodes) ([]verdict, error) {
	r := t.of(rule.By)
	sums := r.within(rule.Window, t.watermark)
	for k := range open {
		if _, spent := sums[who{k.tenant, k.value}]; k.rule == rule.Name && !spent {
			sums[who{k.tenant, k.value}] = cell{}
		}
	}
	var out []verdict
	for subject, sum := range sums {
		if !rule.about(subject) {
			continue
		}
		v, ok, err := s.verdict(ctx, t, rule.forTenant(subject.tenant), subject, sum, open)
		if err != nil {
			return nil, fmt.Errorf("spike %s of %s: %w", rule.Name, subject, err)
		}
		if ok {
			out = append(out, v)
		}
	}
	return out, nil
}

func (s Spike) about(w who) bool {
	return !s.Overrides[w.tenant].Off && (s.Tenant == "" || s.Tenant == everyone || s.Tenant == w.tenant) && (s.Value == "" || s.Value == w.value) && (s.By == byTenant || w.value != "")
}

func (s Spike) detector() detect.Spike {
	return detect.Spike{Factor: s.Factor.Sum, ClearFactor: s.ClearFactor.Sum, MinPerHour: s.MinPerHour.Sum, MinUSD: s.MinUSD.Sum, MinCalls: uint64(s.MinCalls), ClearIn: s.ClearAfter}
}

// windows are those in which a spike is looked for: the short one, each twice as long as the one before, the long one.
func (s Spike) windows() (out []time.Duration) {
	for d := s.Window; d < s.LongWindow; d *= 2 {
		out = append(out, d)
	}
	return append(out, s.LongWindow)
}

// baseline is what a spend rate is compared with, how coarse the spend is, and where that comes from.
type baseline struct {
	detect.Rate
	grain ledger.Sum
	from  string
}

func (s *spikes) verdict(ctx context.Context, t *tick, rule Spike, subject who, sum cell, open episodes) (verdict, bool, error) {
	k := key{rule: rule.Name, tenant: subject.tenant, by: rule.By, value: subject.value}
	ep := open[k]
	d := rule.detector()
	least, err := d.Least(rule.Window)
	if err != nil || (ep == nil && sum.spend.Cmp(least) < 0) {
		return verdict{}, false, err
	}
	base, ok, err := s.compareWith(ctx, t, rule, subject, ep)
	if err != nil || !ok {
		return verdict{}, false, err
	}
	in := detect.SpikeSeries{Usual: base.Rate, Grain: base.grain}
	cells := t.of(rule.By).ending(subject, t.watermark, s.openTo(t, k, ep), rule.windows())
	for i, w := range rule.windows() {
		in.Windows = append(in.Windows, detect.Seen{Window: w, Spend: cells[i].spend, Biggest: cells[i].biggest, Calls: cells[i].calls})
	}
	f, err := d.Judge(in)
	if err != nil {
		return verdict{}, false, err
	}
	sum = cells[slices.Index(rule.windows(), f.In)]
	v := verdict{
		key: k, kind: KindSpike, severity: Critical, known: t.fresh, clearFor: rule.ClearAfter, throttle: rule.Throttle,
		holds: f.Holds, clear: f.Clear, value: f.Value, threshold: f.Need, baseline: base,
		window: window{t.watermark.Add(-f.In), t.watermark},
		detail: detail{Window: f.In.String(), Baseline: base.from, BaselineUSD: base.Spend.String(),
			BaselineFor: base.In.String(), Grain: base.grain.String(), Factor: rule.Factor.Short(), Calls: sum.calls, Unpriced: sum.unpriced},
	}
	v.summary = fmt.Sprintf("%s spends %s%s USD in %s; %s USD or more are a spike (%s times %s USD in %s, %s; more than chance; at least %s USD an hour)",
		subject, atLeast(sum.unpriced), f.Value.Short(), f.In, f.Need.Short(), rule.Factor.Short(), base.Spend.Short(), base.In, base.from, rule.MinPerHour.Short())
	v.crossed = sum.newest
	return v, true, nil
}

// openTo is how far back a spike may be looked for: not into an episode that is over.
func (s *spikes) openTo(t *tick, k key, ep *episode) time.Time {
	if ep != nil || s.endedAt == nil {
		return time.Time{}
	}
	return s.endedAt(k)
}

// compareWith is the baseline now; of an open episode the one with which it began, so that the alert doesn't get used to
// what it fires on, until it has lasted so long that it is the usual.
func (s *spikes) compareWith(ctx context.Context, t *tick, rule Spike, subject who, ep *episode) (baseline, bool, error) {
	frozen := ep != nil && ep.baseline.In > 0
	if frozen && t.now.Sub(ep.began) < rule.SettleAfter {
		b := ep.baseline
		b.from = "the baseline when it began"
		return b, true, nil
	}
	base, ok, err := s.baseline(ctx, t, rule, subject)
	if err != nil || !frozen {
		return base, ok, err
	}
	now, err := base.Scaled(detect.One, ep.baseline.In)
	if !ok || err != nil || now.Cmp(ep.baseline.Spend) < 0 {
		b := ep.baseline
		b.from = "the baseline when it began"
		return b, true, nil
	}
	base.from = fmt.Sprintf("the usual since it has gone on for %s: %s", rule.SettleAfter, base.from)
	return base, true, nil
}

// baseline is the usual spend rate: by history, or where that says nothing by the trailing window; ok is false with too
// little of either.
func (s *spikes) baseline(ctx context.Context, t *tick, rule Spike, subject who) (baseline, bool, error) {
	u, err := s.usualSpend(ctx, t, rule, subject)
	if err != nil {
		return baseline{}, false, err
	}
	enough := time.Duration(u.Days)*24*time.Hour >= rule.MinHistory && u.Samples > 0
	if enough && u.Spend.Sign() > 0 {
		from := fmt.Sprintf("the median of %s %d %s", u.What, u.Samples, unit(u.What))
		if u.Level.Cmp(detect.One) > 0 {
			from += fmt.Sprintf(", at the level of the last hours (%s times)", u.Level.Short())
		}
		return baseline{u.Rate, u.grain, from}, true, nil
	}
	why := fmt.Sprintf("less than %s of history", rule.MinHistory)
	if enough {
		why = fmt.Sprintf("this hour is mostly without spend in %d days", u.Days)
	}
	r := t.of(rule.By)
	begin := r.bucketOf(t.watermark) - int64(rule.Window/r.bucket) + 1
	from := begin - int64(rule.Trailing/r.bucket)
	first, ok := r.first(subject, 0)
	if !ok {
		return baseline{}, false, nil
	}
	from = max(from, first)
	length := time.Duration(begin-from) * r.bucket
	if length < rule.MinTrailing {
		return baseline{}, false, nil
	}
	cells, sum := r.series(subject, from, begin-1)
	grain, err := detect.DispersionOf(cells).Grain()
	if err != nil {
		return baseline{}, false, err
	}
	if sum.biggest.Cmp(grain) > 0 {
		grain = sum.biggest
	}
	return baseline{detect.Rate{Spend: sum.spend, In: length}, grain, fmt.Sprintf("the %s before: %s", length, why)}, true, nil
}

func largest(a, b ledger.Sum) ledger.Sum {
	if b.Cmp(a) > 0 {
		return b
	}
	return a
}

func unit(what string) string {
	if what == "this hour of the week in" {
		return "weeks"
	}
	return "days"
}

// usualSpend is the usual of this hour and how coarse the spend is, worked out once per reading of the history.
func (s *spikes) usualSpend(ctx context.Context, t *tick, rule Spike, subject who) (usualAt, error) {
	hours, err := s.history.of(ctx, t, rule.By)
	if err != nil {
		return usualAt{}, err
	}
	read := s.history.parts[rule.By].read
	k := usualKey{rule.By, rule.History, rule.LongWindow, subject}
	u := s.usual[k]
	if u.read.Equal(read) && u.days == len(s.history.days) {
		return u, nil
	}
	g, err := s.history.grain(ctx, t, subject.tenant)
	if err != nil {
		return u, err
	}
	u.read, u.days = read, len(s.history.days)
	if u.grain, err = hours[subject].Grain(g.spend); err != nil {
		return u, err
	}
	if rule.By != byTenant { // sessions of one team make no mark in what the whole tenant spends
		own, err := hours[subject].GrainByHour(t.now)
		if err != nil {
			return u, err
		}
		u.grain = largest(u.grain, own)
	}
	if u.Usual, err = hours[subject].UsualSpend(t.now, rule.History, u.grain); err != nil {
		return u, err
	}
	// Early in an hour the long window holds the end of the one before, which may be a busier one.
	if before := t.now.Add(-rule.LongWindow); !sameHour(before, t.now) {
		last, err := hours[subject].UsualSpend(before, rule.History, u.grain)
		if err != nil {
			return u, err
		}
		if last.Spend.Cmp(u.Spend) > 0 {
			u.Spend = last.Spend
		}
	}
	s.usual[k] = u
	return u, nil
}
