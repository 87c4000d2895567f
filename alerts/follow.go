package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// follow moves the key's episode as the verdict says: opens it, keeps it, or closes it after it has been clear long
// enough. Without evidence nothing moves and the clear time begins anew.
func (a *Alerts) follow(ctx context.Context, t *tick, v verdict) error {
	ep := a.episodes[v.key]
	if ep != nil {
		ep.throttle = v.throttle
		ep.proved = v.kind == KindBudget && v.holds // what is missing can only add to a sum
	}
	switch advance(ep, v, t.now) {
	case opens:
		return a.open(ctx, t, v)
	case resolves:
		return a.resolve(ctx, t.now, v.key, ep, v.value, "resolved: "+v.summary)
	}
	return nil
}

// move is what a verdict does to an episode.
type move int

const (
	stays move = iota
	opens
	resolves
)

// advance decides the move and keeps the episode's clear time. ep is nil if none is open.
func advance(ep *episode, v verdict, now time.Time) move {
	if ep == nil {
		if v.known && v.holds {
			return opens
		}
		return stays
	}
	if !v.known || !v.clear {
		ep.clearSince = time.Time{}
		return stays
	}
	if ep.clearSince.IsZero() {
		ep.clearSince = now
	}
	if now.Sub(ep.clearSince) < v.clearFor<<min(ep.returns, mostReturns) {
		return stays
	}
	return resolves
}

// returnsOf counts how often in a row an episode that opens now came back soon after its end.
func returnsOf(last ended, known bool, v verdict, now time.Time) int {
	if known && v.kind == KindSpike && now.Sub(last.at) < returnWithin {
		return last.returns + 1
	}
	return 0
}

func (a *Alerts) open(ctx context.Context, t *tick, v verdict) error {
	crossed, err := v.cross(ctx)
	if err != nil {
		return fmt.Errorf("find the crossing call of %s for %s: %w", v.key.rule, v.key.tenant, err)
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return fmt.Errorf("episode id: %w", err)
	}
	last, known := a.ended[v.key]
	v.detail.Returns = returnsOf(last, known, v, t.now)
	v.detail.By, v.detail.Value = v.key.by, v.key.value
	state := StateFiring
	if v.kind == KindFreshness {
		state = StateNoData
	}
	e := AlertEvent{
		Episode: id, Sequence: 1, Rule: v.key.rule, Kind: v.kind, Tenant: v.key.tenant, Subject: subject(v.key), State: state, Severity: v.severity,
		Value: v.value, Threshold: v.threshold, Summary: v.summary, Detail: encode(v.detail), Crossed: crossed.UTC(), At: a.now().UTC(),
	}
	if err := a.store.writeAlert(ctx, &e); err != nil {
		return err
	}
	a.episodes[v.key] = &episode{id: id, sequence: 1, event: e, throttle: v.throttle, baseline: v.baseline, began: e.At, returns: v.detail.Returns}
	a.started[id] = e.At
	a.metrics.open.WithLabelValues(v.kind).Inc()
	a.log.Warn("alert firing", "rule", e.Rule, "tenant", e.Tenant, "severity", e.Severity, "episode", id, "summary", e.Summary)
	a.metrics.episodes.WithLabelValues(e.Kind, e.State).Inc()
	a.tell(Event{Alert: &e})
	a.untold = append(a.untold, untold{event: &e, verdict: &v})
	return nil
}

func (a *Alerts) resolve(ctx context.Context, now time.Time, k key, ep *episode, value ledger.Sum, summary string) error {
	e := ep.event
	var d detail
	if err := json.Unmarshal([]byte(e.Detail), &d); err != nil {
		return fmt.Errorf("detail of episode %s: %w", ep.id, err)
	}
	d.Notified, d.Started = nil, a.started[ep.id].UTC().Format(time.RFC3339Nano)
	e.Sequence, e.State, e.Value, e.Summary, e.At = ep.sequence+1, StateResolved, value, summary, now
	m := newMessage(a.cfg.Notify, e, time.Time{}, nil)
	d.Owed = a.boxes.Takers(&m)
	e.Detail = encode(d)
	if err := a.store.writeAlert(ctx, &e); err != nil {
		return err
	}
	delete(a.episodes, k)
	for old, end := range a.ended {
		if now.Sub(end.at) >= returnWithin {
			delete(a.ended, old)
		}
	}
	a.ended[k] = ended{now, ep.returns}
	a.metrics.open.WithLabelValues(e.Kind).Dec()
	a.log.Info("alert resolved", "rule", e.Rule, "tenant", e.Tenant, "episode", ep.id, "after", now.Sub(a.started[ep.id]).Round(time.Millisecond))
	a.metrics.episodes.WithLabelValues(e.Kind, e.State).Inc()
	a.tell(Event{Alert: &e})
	a.untold = append(a.untold, untold{event: &e})
	return nil
}

// endOrphans resolves episodes that no rule speaks of any more: the rule was taken out of the configuration.
func (a *Alerts) endOrphans(ctx context.Context, t *tick, verdicts []verdict) error {
	for k, ep := range a.episodes {
		if slices.ContainsFunc(verdicts, func(v verdict) bool { return v.key == k }) {
			continue
		}
		if err := a.resolve(ctx, t.now, k, ep, ep.event.Value, "resolved: the rule is no longer configured"); err != nil {
			return err
		}
	}
	return nil
}

func subject(k key) map[string]string {
	s := map[string]string{}
	if k.tenant != "" {
		s["tenant"] = k.tenant
	}
	if k.threshold > 0 {
		s["threshold"] = fmt.Sprint(k.threshold)
	}
	if k.by != byTenant {
		s[k.by] = k.value
	}
	return s
}
