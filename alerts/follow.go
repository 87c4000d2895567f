package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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
	a.episodes[v.key] = &episode{id: id, sequence: 1, event: e, throttle: v.throttle, baseline: v.baseline, returns: v.detail.Returns}
	a.started[id] = e.At
	a.metrics.open.WithLabelValues(v.kind).Inc()
	a.log.Warn("alert firing", "rule", e.Rule, "tenant", e.Tenant, "severity", e.Severity, "episode", id, "summary", e.Summary)
	a.metrics.episodes.WithLabelValues(e.Kind, e.State).Inc()
	a.tell(Event{Alert: &e})
	a.untold = append(a.untold, untold{v, id})
	return nil
}

func (a *Alerts) resolve(ctx context.Context, now time.Time, k key, ep *episode, value ledger.Sum, summary string) error {
	e := ep.event
	var d detail
	if err := json.Unmarshal([]byte(e.Detail), &d); err != nil {
		return fmt.Errorf("detail of episode %s: %w", ep.id, err)
	}
	d.Notified = nil
	e.Sequence, e.State, e.Value, e.Summary, e.Detail, e.At = ep.sequence+1, StateResolved, value, summary, encode(d), now
	if err := a.store.writeAlert(ctx, &e); err != nil {
		return err
	}
	delete(a.episodes, k)
	a.untold = slices.DeleteFunc(a.untold, func(u untold) bool { return u.episode == ep.id })
	for old, end := range a.ended {
		if now.Sub(end.at) >= returnWithin {
			delete(a.ended, old)
		}
	}
	a.ended[k] = ended{now, ep.returns}
	a.metrics.open.WithLabelValues(e.Kind).Dec()
	a.log.Info("alert resolved", "rule", e.Rule, "tenant", e.Tenant, "episode", ep.id, "after", now.Sub(a.started[ep.id]).Round(time.Millisecond))
	a.publish(&e)
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

// publish tells the observer and the receivers of an event that was written down.
func (a *Alerts) publish(e *AlertEvent) {
	a.metrics.episodes.WithLabelValues(e.Kind, e.State).Inc()
	a.tell(Event{Alert: e})
	a.post(e)
}

// post puts the event into the boxes of all receivers that lack it.
func (a *Alerts) post(e *AlertEvent) {
	if len(a.boxes) == 0 {
		if e.State == StateResolved {
			delete(a.started, e.Episode)
		}
		return
	}
	var d detail
	_ = json.Unmarshal([]byte(e.Detail), &d) // an unreadable one lists nobody
	a.outbox[e.Episode] = e
	for _, b := range missing(d, a.boxes) {
		b.put(a.notification(*e))
	}
}

func (a *Alerts) notification(e AlertEvent) notification {
	n := notification{event: e, started: a.started[e.Episode]}
	if n.started.IsZero() {
		n.started = e.At
	}
	if a.cfg.Notify.RunbookURL != "" {
		n.runbook = a.cfg.Notify.RunbookURL + e.Kind
	}
	if slices.Contains(a.cfg.Throttle.Enforce, e.Tenant) && e.State == StateFiring {
		n.undo = "tollkeeper alerts release --reason WHY " + shellQuote(e.Tenant)
	}
	return n
}

// shellQuote makes one word of s that no shell takes for anything else: a tenant's name may be anybody's choice.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// delivered writes down that a receiver has an event: the event's row is replaced by one that lists the receiver.
func (a *Alerts) delivered(ctx context.Context, r delivered) error {
	e := a.outbox[r.episode]
	if e == nil || e.Sequence != r.sequence {
		return nil // a newer event of the episode has taken its place, or it's a reminder
	}
	var d detail
	if err := json.Unmarshal([]byte(e.Detail), &d); err != nil {
		return fmt.Errorf("detail of episode %s: %w", r.episode, err)
	}
	if slices.Contains(d.Notified, r.receiver) {
		return nil
	}
	d.Notified = append(d.Notified, r.receiver)
	e.Detail = encode(d)
	if len(missing(d, a.boxes)) == 0 {
		delete(a.outbox, r.episode)
		if e.State == StateResolved {
			delete(a.started, r.episode)
		}
	}
	return a.store.writeAlert(ctx, e)
}

// remindAlertmanagers sends what is firing again, since an Alertmanager forgets alerts that aren't.
func (a *Alerts) remindAlertmanagers(now time.Time) {
	if now.Sub(a.refresh) < alertmanagerRefresh {
		return
	}
	a.refresh = now
	for _, b := range a.boxes {
		if _, ok := b.receiver.(alertmanager); !ok {
			continue
		}
		for _, ep := range a.episodes {
			if now.Sub(ep.event.At) >= alertmanagerRefresh {
				b.put(a.notification(ep.event))
			}
		}
	}
}
