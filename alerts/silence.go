package alerts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
)

// lateKey is a silence rule and its time, which may be a tenant's own.
type lateKey struct {
	rule string
	in   time.Duration
}

// lateCalls are the calls that the ledger has by now in a silence's window, by subject; of rules about whole tenants those
// of all together, too, under nobody.
type lateCalls struct {
	read  time.Time
	calls map[who]uint64
}

// lateEveryPart is how often the calls of a part's window are read again: they are counted one by one, since rollups hold
// parts by the hour only.
const lateEveryPart = time.Minute

func (w *watches) silences(ctx context.Context, t *tick, open episodes) ([]verdict, error) {
	var out []verdict
	for _, s := range w.cfg.Silences {
		more, err := w.silencesOf(ctx, t, s, open)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// silencesOf asks one rule about everybody who has a history or an open episode. What came before this process began to look
// counts too: recent is filled back by a whole window.
func (w *watches) silencesOf(ctx context.Context, t *tick, s Silence, open episodes) (out []verdict, err error) {
	hours, err := w.history.of(ctx, t, s.By)
	if err != nil {
		return nil, err
	}
	sums := t.of(s.By).within(s.For, t.watermark)
	subjects := []who{}
	for subject := range hours {
		if s.about(subject) {
			subjects = append(subjects, subject)
		}
	}
	for k := range open {
		if subject := (who{k.tenant, k.value}); k.rule == s.Name && k.tenant != "" && !slices.Contains(subjects, subject) {
			subjects = append(subjects, subject)
		}
	}
	for _, subject := range subjects {
		if s.Overrides[subject.tenant].Off {
			continue
		}
		own, calls := s.forTenant(subject.tenant), sums[subject]
		if own.For != s.For {
			calls = t.of(s.By).within(own.For, t.watermark)[subject]
		}
		coarse, err := w.coarse(ctx, t, subject, hours[subject])
		if err != nil {
			return nil, err
		}
		v, err := w.silent(ctx, t, own, subject, calls, hours[subject], coarse)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	if s.By != byTenant || (s.Tenant != "" && s.Tenant != everyone) {
		return out, nil
	}
	var all cell
	for _, c := range sums {
		all.add(c)
	}
	everybody := w.history.calls(s.By)
	coarse, err := w.coarse(ctx, t, who{}, everybody)
	if err != nil {
		return nil, err
	}
	v, err := w.silent(ctx, t, s, who{}, all, everybody, coarse)
	return append(out, v), err
}

func (s Silence) about(w who) bool {
	return w.tenant != "" && (s.Tenant == "" || s.Tenant == everyone || s.Tenant == w.tenant) && (s.Value == "" || s.Value == w.value) && (s.By == byTenant || w.value != "")
}

// coarse is how coarse the subject's calls are: as the tenant's, and for a part of it as its own hours show, since sessions of
// one team make no mark in all that a tenant calls.
func (w *watches) coarse(ctx context.Context, t *tick, subject who, hours detect.Hours) (uint64, error) {
	g, err := w.history.grain(ctx, t, subject.tenant)
	if err != nil || subject.value == "" {
		return g.calls, err
	}
	own, err := hours.CallGrainByHour(t.now)
	return max(g.calls, own), err
}

// silent accuses nobody whose calls arrive late: before it holds, the ledger is asked once more.
func (w *watches) silent(ctx context.Context, t *tick, s Silence, subject who, c cell, hours detect.Hours, coarse uint64) (verdict, error) {
	v := s.verdict(t, subject, c, hours, coarse)
	if !v.holds {
		return v, nil
	}
	late, err := w.lateCalls(ctx, t, s)
	if err != nil {
		return verdict{}, err
	}
	c.calls += late[subject]
	return s.verdict(t, subject, c, hours, coarse), nil
}

func (w *watches) lateCalls(ctx context.Context, t *tick, s Silence) (map[who]uint64, error) {
	k, every := lateKey{s.Name, s.For}, closedEvery
	if s.By != byTenant {
		every = lateEveryPart
	}
	if late := w.late[k]; t.now.Sub(late.read) < every && !t.now.Before(late.read) {
		return late.calls, nil
	}
	calls := map[who]uint64{}
	from, to := t.now.Add(-s.For).Truncate(time.Minute), t.now.Truncate(time.Minute)
	var err error
	if s.By == byTenant {
		var read map[who]total
		read, err = t.ledger.closed(ctx, byTenant, from, to)
		for subject, sum := range read {
			calls[who{tenant: subject.tenant}] += sum.calls
			calls[who{}] += sum.calls
		}
	} else {
		err = t.ledger.open(ctx, s.By, from, to, s.For, func(subject who, _, _ int64, c cell) { calls[subject] += c.calls })
	}
	if err != nil {
		return nil, err
	}
	w.late[k] = lateCalls{t.now, calls}
	return calls, nil
}

// verdict is about a tenant or a part of it; about nobody it is about all tenants together.
func (s Silence) verdict(t *tick, subject who, c cell, hours detect.Hours, coarse uint64) verdict {
	usual, samples := hours.UsualCalls(t.now, historyReach)
	v := verdict{key: key{rule: s.Name, tenant: subject.tenant, by: s.By, value: subject.value}, kind: KindSilence, severity: Warning, known: t.fresh, clearFor: s.ClearAfter,
		crossed: t.newest, value: count(c.calls), detail: detail{Window: s.For.String(), Calls: c.calls}}
	var due uint64
	d := detect.Silence{For: s.For, MinUsual: uint64(s.MinCalls), Samples: s.Samples}
	v.holds, v.clear, due = d.Judge(c.calls, usual, samples, coarse)
	v.threshold = count(due)
	if subject.tenant == "" {
		v.severity = Critical
		v.summary = fmt.Sprintf("no calls of any tenant in %s; %d are usual at this time: see whether clients reach the collector", s.For, due)
		return v
	}
	v.summary = fmt.Sprintf("no calls of %s in %s; %d are usual at this time (the median of %d such hours)", subject, s.For, due, samples)
	return v
}
