package alerts

import (
	"context"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
)

// spikes evaluates all spike rules.
type spikes struct {
	rules   []Spike
	history *history
	usual   map[usualKey]usualAt
}

type usualKey struct {
	by   string
	back time.Duration
	who
}

// usualAt is the usual by one reading of the history.
type usualAt struct {
	read time.Time
	detect.Usual
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
	end := r.bucketOf(t.watermark)
	begin := end - int64(rule.Window/r.bucket) + 1
	sums := r.window(begin, end)
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
		v, ok, err := s.verdict(ctx, t, rule.forTenant(subject.tenant), subject, sum, begin, open)
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
	return (s.Tenant == "" || s.Tenant == everyone || s.Tenant == w.tenant) && (s.Value == "" || s.Value == w.value) && (s.By == byTenant || w.value != "")
}

// forTenant is the rule with the tenant's overrides.
func (s Spike) forTenant(tenant string) Spike {
	o := s.Overrides[tenant]
	s.Factor = or(o.Factor, s.Factor)
	s.MinPerHour = or(o.MinPerHour, s.MinPerHour)
	if s.ClearFactor.Cmp(s.Factor.Sum) > 0 {
		s.ClearFactor = s.Factor
	}
	return s
}

func (s Spike) detector() detect.Spike {
	return detect.Spike{Window: s.Window, Long: s.LongWindow, Factor: s.Factor.Sum, LongFactor: s.LongFactor.Sum, ClearFactor: s.ClearFactor.Sum,
		MinPerHour: s.MinPerHour.Sum, MinUSD: s.MinUSD.Sum, MinCalls: uint64(s.MinCalls)}
}

// baseline is what a spend rate is compared with, and where it comes from.
type baseline struct {
	detect.Rate
	from string
}

func (s *spikes) verdict(ctx context.Context, t *tick, rule Spike, subject who, sum cell, begin int64, open episodes) (verdict, bool, error) {
	k := key{rule: rule.Name, tenant: subject.tenant, by: rule.By, value: subject.value}
	ep := open[k]
	d := rule.detector()
	least, err := d.Least()
	if err != nil || (ep == nil && sum.spend.Cmp(least) < 0) {
		return verdict{}, false, err
	}
	var base baseline
	if ep != nil && ep.baseline.In > 0 {
		base = baseline{ep.baseline, "the baseline when it began"}
	} else {
		var ok bool
		if base, ok, err = s.baseline(ctx, t, rule, subject, begin); err != nil || !ok {
			return verdict{}, false, err
		}
	}
	r := t.of(rule.By)
	long := r.received(subject, begin+int64((rule.Window-rule.LongWindow)/r.bucket), r.bucketOf(t.watermark))
	f, err := d.Judge(detect.SpikeSeries{Short: sum.spend, Long: long.spend, Biggest: sum.biggest, Calls: sum.calls, Usual: base.Rate})
	if err != nil {
		return verdict{}, false, err
	}
	v := verdict{
		key: k, kind: KindSpike, severity: Critical, known: t.fresh, clearFor: rule.ClearAfter, throttle: rule.Throttle,
		holds: f.Holds, clear: f.Clear, value: f.Value, threshold: f.Need, baseline: base.Rate,
		window: window{t.watermark.Add(-rule.Window), t.watermark},
		detail: detail{Window: rule.Window.String(), Baseline: base.from, BaselineUSD: base.Spend.String(),
			BaselineFor: base.In.String(), Factor: rule.Factor.Short(), Calls: sum.calls, Unpriced: sum.unpriced},
	}
	v.summary = fmt.Sprintf("%s spends %s%s USD in %s; %s USD or more are a spike (%s times %s USD in %s, %s; at least %s USD an hour)",
		subject, atLeast(sum.unpriced), f.Value.Short(), rule.Window, f.Need.Short(), rule.Factor.Short(), base.Spend.Short(), base.In, base.from, rule.MinPerHour.Short())
	v.cross = func(context.Context) (time.Time, error) { return sum.newest, nil }
	return v, true, nil
}

// baseline is the usual spend rate before the bucket begin: by history, or where that says nothing by the trailing
// window; ok is false with too little of either.
func (s *spikes) baseline(ctx context.Context, t *tick, rule Spike, subject who, begin int64) (baseline, bool, error) {
	u, err := s.usualSpend(ctx, t, rule, subject)
	if err != nil {
		return baseline{}, false, err
	}
	enough := time.Duration(u.Days)*24*time.Hour >= rule.MinHistory && u.Samples > 0
	if enough && u.Spend.Sign() > 0 {
		return baseline{u.Rate, fmt.Sprintf("the median of %s %d %s", u.What, u.Samples, unit(u.What))}, true, nil
	}
	why := fmt.Sprintf("less than %s of history", rule.MinHistory)
	if enough {
		why = fmt.Sprintf("this hour is mostly without spend in %d days", u.Days)
	}
	r := t.of(rule.By)
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
	sum := r.received(subject, from, begin-1)
	return baseline{detect.Rate{Spend: sum.spend, In: length}, fmt.Sprintf("the %s before: %s", length, why)}, true, nil
}

func unit(what string) string {
	if what == "this hour of the week in" {
		return "weeks"
	}
	return "days"
}

// usualSpend is the usual of this hour, worked out once per reading of the history.
func (s *spikes) usualSpend(ctx context.Context, t *tick, rule Spike, subject who) (detect.Usual, error) {
	hours, err := s.history.of(ctx, t, rule.By)
	if err != nil {
		return detect.Usual{}, err
	}
	read := s.history.parts[rule.By].read
	k := usualKey{rule.By, rule.History, subject}
	u := s.usual[k]
	if !u.read.Equal(read) {
		u = usualAt{read, hours[subject].UsualSpend(t.now, rule.History)}
		s.usual[k] = u
	}
	return u.Usual, nil
}
