package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/alerts/notify"
)

// untold is an event of the running evaluation, or of a process before, that receivers lack.
type untold struct {
	event   *AlertEvent
	verdict *verdict // of an episode that has just begun: it is to be explained
}

// tellWhy explains and notifies what the evaluation opened and resolved, after it ordered the throttles: who acts goes
// first, and what was done can be told.
func (a *Alerts) tellWhy(ctx context.Context) {
	a.explain(ctx, a.untold)
	var tell []*AlertEvent
	for _, u := range a.untold {
		switch {
		case len(a.missing(u.event)) > 0:
			tell = append(tell, u.event)
		case u.event.State == StateResolved:
			delete(a.started, u.event.Episode)
		}
	}
	a.untold = nil
	steps := a.steps(ctx, tell)
	for _, e := range tell {
		m := newMessage(a.cfg.Notify, *e, a.started[e.Episode], steps[e.Episode])
		for _, ep := range a.episodes {
			if ep.id == e.Episode {
				ep.message = &m
			}
		}
		a.outbox[e.Episode] = e
		for _, receiver := range a.missing(e) {
			if full := a.boxes.Put(receiver, m); full != nil {
				if err := a.delivered(ctx, *full); err != nil {
					a.log.Error("a dropped notification is not written down", "receiver", receiver, "error", err)
				}
			}
		}
	}
}

// steps is what was done for the episodes of events, as it was written down.
func (a *Alerts) steps(ctx context.Context, events []*AlertEvent) map[uuid.UUID][]ThrottleEvent {
	out := map[uuid.UUID][]ThrottleEvent{}
	for some := range slices.Chunk(events, askAtOnce) {
		tenants, episodes := make([]string, len(some)), make([]uuid.UUID, len(some))
		for i, e := range some {
			tenants[i], episodes[i] = e.Tenant, e.Episode
		}
		if err := a.store.steps(ctx, tenants, episodes, func(e ThrottleEvent) { out[e.Episode] = append(out[e.Episode], e) }); err != nil {
			a.log.Warn("notifications don't say what was done", "episodes", episodes, "error", err)
		}
	}
	return out
}

// missing lists the receivers that are to be told of an event and lack it.
func (a *Alerts) missing(e *AlertEvent) (names []string) {
	var d detail
	_ = json.Unmarshal([]byte(e.Detail), &d) // an unreadable one lists nobody
	m := newMessage(a.cfg.Notify, *e, time.Time{}, nil)
	for _, name := range a.boxes.Takers(&m) {
		// One that was configured since isn't told of the end of what it never heard of.
		if !slices.Contains(d.Notified, name) && (e.State != StateResolved || slices.Contains(d.Owed, name)) {
			names = append(names, name)
		}
	}
	return names
}

// delivered writes down that receivers have events, or never will: an event's row is replaced by one that lists the
// receiver, and what it won't get is a dead letter.
func (a *Alerts) delivered(ctx context.Context, reports ...notify.Report) error {
	var errs []error
	var changed []*AlertEvent
	for _, r := range reports {
		e, err := a.deliver(ctx, r)
		errs = append(errs, err)
		if e != nil && !slices.Contains(changed, e) {
			changed = append(changed, e)
		}
	}
	return errors.Join(append(errs, a.store.writeAlerts(ctx, changed...))...)
}

// deliver takes one report in and returns the event that it changes, or nil.
func (a *Alerts) deliver(ctx context.Context, r notify.Report) (*AlertEvent, error) {
	if r.Outcome != notify.Sent {
		if err := a.store.writeDeadLetter(ctx, DeadLetter{Episode: r.Episode, Sequence: r.Sequence, Receiver: r.Receiver, Outcome: r.Outcome, Reason: r.Reason, Author: Author}); err != nil {
			return nil, err
		}
	}
	e := a.outbox[r.Episode]
	if e == nil || e.Sequence != r.Sequence {
		return nil, nil // a newer event of the episode has taken its place
	}
	var d detail
	if err := json.Unmarshal([]byte(e.Detail), &d); err != nil {
		return nil, fmt.Errorf("detail of episode %s: %w", r.Episode, err)
	}
	if slices.Contains(d.Notified, r.Receiver) {
		return nil, nil
	}
	d.Notified = append(d.Notified, r.Receiver)
	e.Detail = encode(d)
	if len(a.missing(e)) == 0 {
		delete(a.outbox, r.Episode)
		if e.State == StateResolved {
			delete(a.started, r.Episode)
		}
	}
	return e, nil
}

// repeat sends what fires again to those who forget it.
func (a *Alerts) repeat(ctx context.Context, now time.Time) {
	if now.Sub(a.refresh) < notify.RefreshEvery && !now.Before(a.refresh) {
		return
	}
	a.refresh = now
	var firing []*episode
	var again []*AlertEvent
	for _, ep := range a.episodes {
		if now.Sub(ep.began) < notify.RefreshEvery || !a.boxes.Forget(ep.event.Kind) {
			continue
		}
		firing = append(firing, ep)
		if ep.message == nil || ep.throttle != nil { // a process before told it; or more was done since
			again = append(again, &ep.event)
		}
	}
	steps := a.steps(ctx, again)
	var messages []notify.Message
	for _, ep := range firing {
		if slices.Contains(again, &ep.event) {
			m := newMessage(a.cfg.Notify, ep.event, a.started[ep.id], steps[ep.id])
			ep.message = &m
		}
		messages = append(messages, *ep.message)
	}
	a.boxes.Refresh(messages)
}

// started is when a resolved episode had begun.
func (d detail) started(otherwise time.Time) time.Time {
	at, err := time.Parse(time.RFC3339Nano, d.Started)
	if err != nil {
		return otherwise
	}
	return at
}
