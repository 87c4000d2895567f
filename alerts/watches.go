package alerts

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// watches evaluates the rules beside budgets and spikes: runaways, shares, silences, provider limits.
type watches struct {
	cfg     Config
	history *history
	heavy   map[string]heavyPart // by runaway rule
	late    map[lateKey]lateCalls
}

type heavyPart struct {
	read time.Time
	list []heavy
}

func newWatches(cfg Config, h *history) *watches {
	w := &watches{cfg: cfg, history: h, heavy: map[string]heavyPart{}, late: map[lateKey]lateCalls{}}
	w.cfg.Runaways, w.cfg.Shares, w.cfg.Silences, w.cfg.Limits = nil, nil, nil, nil
	for _, r := range cfg.Runaways {
		w.cfg.Runaways = append(w.cfg.Runaways, r.withDefaults())
	}
	for _, s := range cfg.Shares {
		w.cfg.Shares = append(w.cfg.Shares, s.withDefaults())
	}
	for _, s := range cfg.Silences {
		w.cfg.Silences = append(w.cfg.Silences, s.withDefaults())
	}
	for _, l := range cfg.Limits {
		w.cfg.Limits = append(w.cfg.Limits, l.withDefaults())
	}
	return w
}

// reach is how far back receipts are needed.
func (w *watches) reach() (d time.Duration) {
	for _, s := range w.cfg.Shares {
		d = max(d, s.Window)
	}
	for _, s := range w.cfg.Silences {
		d = max(d, s.For)
	}
	for _, l := range w.cfg.Limits {
		d = max(d, l.Window)
	}
	return d
}

func (w *watches) evaluate(ctx context.Context, t *tick, open episodes) ([]verdict, error) {
	out, err := w.runaways(ctx, t, open)
	if err != nil {
		return nil, err
	}
	for _, s := range w.cfg.Shares {
		out = append(out, s.verdicts(t, open)...)
	}
	for _, l := range w.cfg.Limits {
		more, err := l.verdicts(t, open)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	silent, err := w.silences(ctx, t, open)
	return append(out, silent...), err
}

// runawayEvery is how often runaways are looked for: each time the query reads the whole window.
func (r Runaway) every() time.Duration { return max(5*time.Second, r.Window/10) }

func (w *watches) runaways(ctx context.Context, t *tick, open episodes) ([]verdict, error) {
	var out []verdict
	for _, r := range w.cfg.Runaways {
		part := w.heavy[r.Name]
		if t.now.Sub(part.read) >= r.every() || t.now.Before(part.read) {
			list, err := t.ledger.heavy(ctx, r, t.now.Add(-r.Window).Truncate(time.Minute), t.now.Add(time.Minute).Truncate(time.Minute))
			if err != nil {
				return nil, err
			}
			part = heavyPart{t.now, list}
			w.heavy[r.Name] = part
		}
		found := map[who]bool{}
		for _, h := range part.list {
			if r.Tenant == "" || r.Tenant == everyone || r.Tenant == h.tenant {
				found[h.who] = true
				out = append(out, r.forTenant(h.tenant).verdict(t, h))
			}
		}
		for k, ep := range open {
			if k.rule == r.Name && !found[who{k.tenant, k.value}] {
				own := r.forTenant(k.tenant)
				v := verdict{key: k, kind: KindRunaway, severity: Critical, known: t.fresh, clear: true, clearFor: r.ClearAfter, throttle: r.Throttle,
					value: ep.event.Value, threshold: own.USD.Sum}
				v.summary = fmt.Sprintf("%s %s of %s is below %s again", k.by, k.value, k.tenant, own.limits())
				out = append(out, v)
			}
		}
	}
	return out, nil
}

// reached reports that a limit is.
func (r Runaway) reached(h heavy) bool {
	return (r.USD.Sign() > 0 && h.spend.Cmp(r.USD.Sum) >= 0) || (r.Calls > 0 && h.calls >= uint64(r.Calls))
}

func (r Runaway) limits() string {
	var parts []string
	if r.USD.Sign() > 0 {
		parts = append(parts, r.USD.Short()+" USD")
	}
	if r.Calls > 0 {
		parts = append(parts, fmt.Sprintf("%d calls", r.Calls))
	}
	return strings.Join(parts, " or ") + " in " + r.Window.String()
}

func (r Runaway) verdict(t *tick, h heavy) verdict {
	v := verdict{
		key: key{rule: r.Name, tenant: h.tenant, by: r.By, value: h.value}, kind: KindRunaway, severity: Critical, known: t.fresh,
		holds: true, clearFor: r.ClearAfter, throttle: r.Throttle, value: h.spend, threshold: r.USD.Sum, window: window{t.now.Add(-r.Window), t.now},
		detail:  detail{Window: r.Window.String(), Calls: h.calls, Unpriced: h.unpriced},
		crossed: h.newest,
	}
	v.summary = fmt.Sprintf("%s %s of %s ran away: %s%s USD in %d calls within %s; %s are too much",
		r.By, h.value, h.tenant, atLeast(h.unpriced), h.spend.Short(), h.calls, r.Window, r.limits())
	return v
}

// count is a number of calls where an event has room for an amount.
func count(n uint64) ledger.Sum {
	sum, err := ledger.ParseSum(fmt.Sprint(n))
	if err != nil {
		panic("alerts: a count is a sum: " + err.Error())
	}
	return sum
}

// about lists the subjects of a rule about tenants: those that called and those with an open episode.
func about(rule, tenant string, sums map[who]cell, open episodes) []who {
	var out []who
	for s := range sums {
		if tenant == "" || tenant == everyone || tenant == s.tenant {
			out = append(out, s)
		}
	}
	for k := range open {
		if s := (who{k.tenant, k.value}); k.rule == rule && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b who) int { return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.value, b.value)) })
	return out
}

func (s Share) verdicts(t *tick, open episodes) []verdict {
	var out []verdict
	sums := t.of(s.By).within(s.Window, t.watermark)
	for _, w := range about(s.Name, s.Tenant, sums, open) {
		if s.Overrides[w.tenant].Off || (s.Value != "" && s.Value != w.value) || (s.By != byTenant && w.value == "") {
			continue
		}
		out = append(out, s.forTenant(w.tenant).verdict(t, w, sums[w]))
	}
	return out
}

func (s Share) verdict(t *tick, w who, c cell) verdict {
	d := detect.Share{Percent: s.Percent, Clear: s.ClearPercent, MinCalls: uint64(s.MinCalls)}
	part, what := c.unpriced, "have no price"
	if s.Of == ShareFlagged {
		part, what = c.flagged, "are in doubt"
	}
	v := verdict{key: key{rule: s.Name, tenant: w.tenant, by: s.By, value: w.value}, kind: KindShare, severity: Warning, known: t.fresh, clearFor: s.ClearAfter,
		value: count(part), threshold: count(c.calls), window: window{t.watermark.Add(-s.Window), t.watermark},
		detail: detail{Window: s.Window.String(), Threshold: 0, Calls: c.calls, Unpriced: c.unpriced}}
	v.holds, v.clear = d.Judge(part, c.calls)
	v.summary = fmt.Sprintf("%d of %d calls of %s in %s %s; %d %% are too many: its spend is a lower bound", part, c.calls, w, s.Window, what, s.Percent)
	v.crossed = c.newest
	return v
}
