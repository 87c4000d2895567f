package alerts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// hoursEvery is how often the history is read again.
const hoursEvery = 5 * time.Minute

// one is the factor 1.
var one = ledger.SumOf(ledger.USD)

// spikes evaluates all spike rules.
type spikes struct {
	rules []Spike
	hours map[string]map[int64]ledger.Sum // tenant → hour → spend
	read  time.Time
}

func newSpikes(rules []Spike) *spikes {
	s := &spikes{}
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
		if r.Window < 30*time.Second || r.Window%width != 0 {
			width = time.Second
		}
	}
	return width
}

// reach is how far back receipts are needed.
func (s *spikes) reach() (d time.Duration) {
	for _, r := range s.rules {
		d = max(d, r.Window+r.Trailing)
	}
	return d
}

// refresh reads the history of all rules when it is due.
func (s *spikes) refresh(ctx context.Context, t *tick) error {
	if len(s.rules) == 0 || (s.hours != nil && t.now.Sub(s.read) < hoursEvery && sameHour(s.read, t.now)) {
		return nil
	}
	var back time.Duration
	for _, r := range s.rules {
		back = max(back, r.History)
	}
	hour := t.now.Truncate(time.Hour)
	hours, err := t.ledger.hours(ctx, hour.Add(-back), hour)
	if err != nil {
		return err
	}
	s.hours, s.read = hours, t.now
	return nil
}

func sameHour(a, b time.Time) bool { return a.Truncate(time.Hour).Equal(b.Truncate(time.Hour)) }

// evaluate returns a verdict for every tenant that spends or has an open episode. frozen gives the baseline of an open
// episode.
func (s *spikes) evaluate(ctx context.Context, t *tick, frozen func(key) (rate, bool), open func(rule string) []string) ([]verdict, error) {
	if err := s.refresh(ctx, t); err != nil {
		return nil, err
	}
	var out []verdict
	for _, rule := range s.rules {
		byRule, err := s.evaluateRule(t, rule, frozen, open(rule.Name))
		if err != nil {
			return nil, err
		}
		out = append(out, byRule...)
	}
	return out, nil
}

// evaluateRule looks closer only at tenants whose spend is large in itself or who have an open episode.
func (s *spikes) evaluateRule(t *tick, rule Spike, frozen func(key) (rate, bool), open []string) ([]verdict, error) {
	least, err := rate{rule.MinPerHour.Sum, time.Hour}.scaled(one, rule.Window)
	if err != nil {
		return nil, fmt.Errorf("spike %s: %w", rule.Name, err)
	}
	end := t.recent.bucketOf(t.watermark)
	begin := end - int64(rule.Window/t.recent.bucket) + 1
	sums := t.recent.window(begin, end)
	for _, tenant := range open {
		if _, spent := sums[tenant]; !spent {
			sums[tenant] = cell{}
		}
	}
	var out []verdict
	for tenant, sum := range sums {
		if rule.Tenant != "" && rule.Tenant != tenant {
			continue
		}
		if sum.spend.Cmp(least) < 0 && !slices.Contains(open, tenant) {
			continue
		}
		v, ok, err := s.verdict(t, rule, tenant, sum, least, begin, frozen)
		if err != nil {
			return nil, fmt.Errorf("spike %s of %s: %w", rule.Name, tenant, err)
		}
		if ok {
			out = append(out, v)
		}
	}
	return out, nil
}

// usual is what a spend rate is compared with, and where it comes from.
type usual struct {
	rate
	from string
}

func (s *spikes) verdict(t *tick, rule Spike, tenant string, sum cell, least ledger.Sum, begin int64, frozen func(key) (rate, bool)) (verdict, bool, error) {
	k := key{rule: rule.Name, tenant: tenant}
	var base usual
	var ok bool
	if base.rate, ok = frozen(k); ok {
		base.from = "the baseline when it began"
	} else if base, ok = s.baseline(t, rule, tenant, begin); !ok {
		return verdict{}, false, nil
	}
	need, err := base.scaled(rule.Factor.Sum, rule.Window)
	if err != nil {
		return verdict{}, false, err
	}
	if least.Cmp(need) > 0 {
		need = least
	}
	v := verdict{
		key: k, kind: KindSpike, severity: Critical, known: t.fresh, clearFor: rule.ClearAfter, throttle: rule.Throttle,
		holds: sum.spend.Cmp(need) >= 0, clear: clears(sum.spend, need, rule),
		value: sum.spend, threshold: need, baseline: base.rate,
		detail: detail{Window: rule.Window.String(), Baseline: base.from, BaselineUSD: base.spend.String(),
			BaselineFor: base.in.String(), Factor: rule.Factor.Short(), Calls: sum.calls, Unpriced: sum.unpriced},
	}
	v.summary = fmt.Sprintf("%s spends %s%s USD in %s; %s USD or more are a spike (%s times %s USD in %s, %s; at least %s USD an hour)",
		tenant, atLeast(sum.unpriced), sum.spend.Short(), rule.Window, need.Short(), rule.Factor.Short(), base.spend.Short(), base.in, base.from, rule.MinPerHour.Short())
	v.cross = func(context.Context) (time.Time, error) { return sum.newest, nil }
	return v, true, nil
}

// clears reports spend < need · clear_factor / factor, exactly.
func clears(spend, need ledger.Sum, rule Spike) bool {
	a := integer(spend)
	b := integer(need)
	return a.Mul(a, integer(rule.Factor.Sum)).Cmp(b.Mul(b, integer(rule.ClearFactor.Sum))) < 0
}

// baseline is the usual spend rate before the bucket begin: by history, or where that says nothing by the trailing
// window; ok is false with too little of either.
func (s *spikes) baseline(t *tick, rule Spike, tenant string, begin int64) (usual, bool) {
	median, days := s.sameHour(t, rule, tenant)
	enough := time.Duration(days)*24*time.Hour >= rule.MinHistory
	if enough && median.Sign() > 0 {
		return usual{rate{median, time.Hour}, fmt.Sprintf("the median of this hour on %d days", days)}, true
	}
	why := fmt.Sprintf("less than %s of history", rule.MinHistory)
	if enough {
		why = fmt.Sprintf("this hour is mostly without spend on %d days", days)
	}
	from := begin - int64(rule.Trailing/t.recent.bucket)
	first, ok := t.recent.first(tenant, 0)
	if !ok {
		return usual{}, false
	}
	from = max(from, first)
	length := time.Duration(begin-from) * t.recent.bucket
	if length < rule.MinTrailing {
		return usual{}, false
	}
	sum := t.recent.received(tenant, from, begin-1)
	return usual{rate{sum.spend, length}, fmt.Sprintf("the %s before: %s", length, why)}, true
}

// sameHour is the median spend of this hour of the day over the days of the history since the tenant's first spend, and
// how many days that are. Hours without spend count as zero.
func (s *spikes) sameHour(t *tick, rule Spike, tenant string) (ledger.Sum, int) {
	now := t.now.Truncate(time.Hour)
	oldest := now.Unix()
	for hour, spend := range s.hours[tenant] {
		if hour >= now.Add(-rule.History).Unix() && hour < oldest && spend.Sign() > 0 {
			oldest = hour
		}
	}
	const day = 24 * 60 * 60
	var same []ledger.Sum
	for hour := now.Unix() - day; hour >= oldest; hour -= day {
		same = append(same, s.hours[tenant][hour])
	}
	if len(same) == 0 {
		return ledger.Sum{}, 0
	}
	return median(same), len(same)
}

// median is the middle amount, the higher one of two: an amount that was really spent.
func median(amounts []ledger.Sum) ledger.Sum {
	slices.SortFunc(amounts, ledger.Sum.Cmp)
	return amounts[len(amounts)/2]
}
