package alerts

import (
	"context"
	"slices"
	"time"
)

// evaluation is all that decides, over a source and a time; it has no side effects. The live role gives it the ledger,
// a replay a series.
type evaluation struct {
	cfg        Config
	source     source
	born       time.Time // when watching began, or the clock was set
	ahead      time.Time // up to when there may be calls of a time to come: the clock was set back
	history    *history
	budgets    *budgets
	spikes     *spikes
	watches    *watches
	recent     *recent
	recents    map[string]*recent
	behind     time.Duration // age of the oldest minute whose rollup is behind
	ledgerAge  time.Duration
	quotas     map[who]quota // by tenant and provider/model, from headers
	quotasRead time.Time
	pulse      pulse
	complete   time.Time // up to when the ledger was complete, when that was read last
	asked      time.Time // when that was
	windows    []Window  // maintenance that people set while the role runs
}

// partBucket is the width in which receipts of a tenant's parts are counted.
const partBucket = 5 * time.Second

func newEvaluation(cfg Config, from source, born time.Time) (*evaluation, error) {
	e := &evaluation{cfg: cfg, source: from, born: born}
	var back time.Duration
	for _, s := range cfg.Spikes {
		back = max(back, s.History)
	}
	e.history = newHistory(back)
	var err error
	if e.budgets, err = newBudgets(cfg.Budgets, e.history); err != nil {
		return nil, err
	}
	e.spikes = newSpikes(cfg.Spikes, e.history)
	e.watches = newWatches(cfg, e.history)
	keep := max(rollupReach, e.spikes.reach(), e.watches.reach()) + (lateMinutes+1)*time.Minute
	e.recent = newRecent(byTenant, e.spikes.bucket(cfg.Throttle.EffectWindow), keep)
	e.recents = map[string]*recent{}
	for _, s := range cfg.Spikes {
		e.need(s.By, partBucket, keep)
	}
	for _, s := range cfg.Shares {
		e.need(s.By, partBucket, keep)
	}
	for _, r := range cfg.Runaways {
		if r.Throttle != nil && r.By == byKey { // the throttle's effect is looked for by key
			e.need(byKey, partBucket, keep)
		}
	}
	for _, s := range cfg.Silences {
		e.need(s.By, partBucket, keep)
	}
	if len(cfg.Limits) > 0 {
		e.need(byProviderModel, partBucket, keep)
	}
	e.needBudgets(cfg.Budgets)
	return e, nil
}

// needBudgets provides for budgets of a tenant's parts: their newest two hours are counted from the calls.
func (e *evaluation) needBudgets(rules []Budget) {
	for _, b := range rules {
		e.need(b.By, partBucket, 2*time.Hour+(lateMinutes+1)*time.Minute)
	}
}

// replaceBudgets takes other budgets from the next evaluation on.
func (e *evaluation) replaceBudgets(rules []Budget) error {
	if err := e.budgets.replace(rules); err != nil {
		return err
	}
	e.needBudgets(rules)
	return nil
}

// need makes sure that receipts by the dimension are kept for so long.
func (e *evaluation) need(dimension string, bucket, keep time.Duration) {
	if dimension == byTenant {
		return
	}
	if r := e.recents[dimension]; r == nil || r.keep < keep {
		e.recents[dimension] = newRecent(dimension, bucket, keep)
	}
}

// ask asks every rule, and takes back what maintenance or a parent silences.
func (e *evaluation) ask(ctx context.Context, t *tick, open episodes) ([]verdict, error) {
	verdicts := []verdict{e.freshness(t)}
	if e.cfg.Watchdog && e.cfg.Notify.WantsWatchdog() {
		verdicts = append(verdicts, watchdog(t))
	}
	for _, ask := range []func(context.Context, *tick, episodes) ([]verdict, error){e.budgets.evaluate, e.spikes.evaluate, e.watches.evaluate} {
		more, err := ask(ctx, t, open)
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, more...)
	}
	for i := range verdicts {
		v := &verdicts[i]
		if open[v.key] == nil && (e.inMaintenance(v, t.now) || inhibited(v, verdicts, open)) {
			v.holds = false
		}
	}
	return verdicts, nil
}

// inhibited reports that a parent that fires, or is about to, tells the same: the higher of two things that hold for one
// reason. A spike of a tenant speaks for those of its parts; a budget that is spent, for its forecast and its burn rate; a
// pipeline that is silent, for every silent tenant, and a tenant for its parts.
func inhibited(v *verdict, all []verdict, open episodes) bool {
	return slices.ContainsFunc(all, func(p verdict) bool {
		return (open[p.key] != nil || p.holds && p.known) && p.key != v.key && parent(p, *v)
	})
}

func parent(p, v verdict) bool {
	sameTenant := p.key.tenant == v.key.tenant
	switch v.kind {
	case KindSpike:
		return p.kind == KindSpike && sameTenant && p.key.value == "" && v.key.value != ""
	case KindForecast, KindBurn:
		return p.kind == KindBudget && sameTenant && p.key.by == v.key.by && p.key.value == v.key.value && p.key.threshold >= 100 && budgetOf(v.key.rule) == p.key.rule
	case KindSilence:
		return v.key.tenant != "" && (p.kind == KindFreshness || p.kind == KindSilence && (p.key.tenant == "" || sameTenant && p.key.value == "" && v.key.value != ""))
	}
	return false
}

// watchdogRule always fires: whoever pages on its absence learns that alerts, or the way from here to them, is dead.
const watchdogRule = "watchdog"

func watchdog(t *tick) verdict {
	return verdict{key: key{rule: watchdogRule}, kind: KindWatchdog, severity: "none", known: true, holds: true, crossed: t.now,
		summary: "alerts are being evaluated and notifications arrive: this alert always fires, its absence is the alarm"}
}

// Maintenance is a time in which no episode begins; open ones go on. What still holds when it ends, fires then.
type Maintenance struct {
	From    time.Time `yaml:"from"`
	To      time.Time `yaml:"to"`
	Tenants []string  `yaml:"tenants"` // empty: all
	Rules   []string  `yaml:"rules"`   // empty: all
	Reason  string    `yaml:"reason"`
}

func (e *evaluation) inMaintenance(v *verdict, now time.Time) bool {
	return slices.ContainsFunc(e.cfg.Maintenance, func(m Maintenance) bool { return m.covers(v, now) }) ||
		slices.ContainsFunc(e.windows, func(w Window) bool { return w.covers(v, now) })
}

func (m Maintenance) covers(v *verdict, now time.Time) bool {
	return v.kind != KindWatchdog && !now.Before(m.From) && now.Before(m.To) && (len(m.Tenants) == 0 || slices.Contains(m.Tenants, v.key.tenant)) &&
		(len(m.Rules) == 0 || slices.Contains(m.Rules, v.key.rule) || slices.Contains(m.Rules, budgetOf(v.key.rule)))
}
