package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// follow moves the episodes as the verdicts say: opens them, keeps them, or closes them after they have been clear long
// enough. Without evidence nothing moves and the clear time begins anew. All that begins and ends at one evaluation is
// written down in one insert.
func (a *Alerts) follow(ctx context.Context, t *tick, verdicts []verdict) error {
	var begin []verdict
	var moves []moved
	var errs []error
	spoken := map[key]bool{}
	for _, v := range verdicts {
		if spoken[v.key] {
			continue
		}
		spoken[v.key] = true
		ep := a.episodes[v.key]
		if ep != nil {
			ep.throttle = v.throttle
			ep.proved = v.kind == KindBudget && v.holds // what is missing can only add to a sum
		}
		switch advance(ep, v, t.now) {
		case opens:
			begin = append(begin, v)
		case resolves:
			m, err := a.resolved(t.now, v.key, ep, v.value, "resolved: "+v.summary)
			moves, errs = append(moves, m), append(errs, err)
		}
	}
	for k, ep := range a.episodes {
		if !spoken[k] {
			m, err := a.resolved(t.now, k, ep, ep.event.Value, "resolved: the rule is no longer configured")
			moves, errs = append(moves, m), append(errs, err)
		}
	}
	crossed, err := a.budgets.crossings(ctx, t, begin)
	if err != nil {
		begin, errs = nil, append(errs, err) // they begin at the next evaluation
	}
	for _, v := range begin {
		m, err := a.opened(t, v, crossed[v.key])
		moves, errs = append(moves, m), append(errs, err)
	}
	return errors.Join(append(errs, a.move(ctx, moves))...)
}

// moved is an episode that enters a state.
type moved struct {
	event *AlertEvent // nil: it can't
	apply func()      // after it was written down
}

// move writes the episodes' events down, then has them enter their states.
func (a *Alerts) move(ctx context.Context, moves []moved) error {
	moves = slices.DeleteFunc(moves, func(m moved) bool { return m.event == nil })
	events := make([]*AlertEvent, len(moves))
	for i, m := range moves {
		events[i] = m.event
	}
	if err := a.store.writeAlerts(ctx, events...); err != nil {
		return err
	}
	for _, m := range moves {
		m.apply()
		a.metrics.episodes.WithLabelValues(m.event.Kind, m.event.State).Inc()
		a.tell(Event{Alert: m.event})
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

func (a *Alerts) opened(t *tick, v verdict, crossed time.Time) (moved, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return moved{}, fmt.Errorf("episode id: %w", err)
	}
	last, known := a.ended[v.key]
	v.detail.Returns = returnsOf(last, known, v, t.now)
	v.detail.By, v.detail.Value = v.key.by, v.key.value
	state := StateFiring
	if v.kind == KindFreshness {
		state = StateNoData
	}
	e := &AlertEvent{
		Episode: id, Sequence: 1, Rule: v.key.rule, Kind: v.kind, Tenant: v.key.tenant, Subject: subject(v.key), State: state, Severity: v.severity,
		Value: v.value, Threshold: v.threshold, Summary: v.summary, Detail: encode(v.detail), Crossed: crossed.UTC(), At: a.now().UTC(),
	}
	return moved{e, func() {
		a.episodes[v.key] = &episode{id: id, sequence: 1, event: *e, throttle: v.throttle, baseline: v.baseline, began: e.At, returns: v.detail.Returns}
		a.started[id] = e.At
		a.metrics.open.WithLabelValues(v.kind).Inc()
		a.log.Warn("alert firing", "rule", e.Rule, "tenant", e.Tenant, "severity", e.Severity, "episode", id, "summary", e.Summary)
		a.untold = append(a.untold, untold{event: e, verdict: &v})
	}}, nil
}

func (a *Alerts) resolved(now time.Time, k key, ep *episode, value ledger.Sum, summary string) (moved, error) {
	e := ep.event
	var d detail
	if err := json.Unmarshal([]byte(e.Detail), &d); err != nil {
		return moved{}, fmt.Errorf("detail of episode %s: %w", ep.id, err)
	}
	d.Notified, d.Started = nil, a.started[ep.id].UTC().Format(time.RFC3339Nano)
	e.Sequence, e.State, e.Value, e.Summary, e.At = ep.sequence+1, StateResolved, value, summary, now
	m := newMessage(a.cfg.Notify, e, time.Time{}, nil)
	d.Owed = a.boxes.Takers(&m)
	e.Detail = encode(d)
	return moved{&e, func() {
		delete(a.episodes, k)
		for old, end := range a.ended {
			if now.Sub(end.at) >= returnWithin {
				delete(a.ended, old)
			}
		}
		a.ended[k] = ended{now, ep.returns}
		a.metrics.open.WithLabelValues(e.Kind).Dec()
		a.log.Info("alert resolved", "rule", e.Rule, "tenant", e.Tenant, "episode", ep.id, "after", now.Sub(a.started[ep.id]).Round(time.Millisecond))
		a.untold = append(a.untold, untold{event: &e})
	}}, nil
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
