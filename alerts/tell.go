package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

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
	for _, u := range a.untold {
		if u.verdict != nil {
			a.explainEpisode(ctx, u)
		}
		if len(a.missing(u.event)) == 0 {
			if u.event.State == StateResolved {
				delete(a.started, u.event.Episode)
			}
			continue
		}
		m := a.message(ctx, *u.event)
		for _, ep := range a.episodes {
			if ep.id == u.event.Episode {
				ep.message = &m
			}
		}
		a.outbox[u.event.Episode] = u.event
		for _, receiver := range a.missing(u.event) {
			if full := a.boxes.Put(receiver, m); full != nil {
				if err := a.delivered(ctx, *full); err != nil {
					a.log.Error("a dropped notification is not written down", "receiver", receiver, "err", err)
				}
			}
		}
	}
	a.untold = nil
}

// explainEpisode writes down what the episode comes from.
func (a *Alerts) explainEpisode(ctx context.Context, u untold) {
	limited, cancel := context.WithTimeout(ctx, explainWithin)
	defer cancel()
	why := a.explain(limited, *u.verdict)
	if why == nil {
		return
	}
	u.verdict.detail.Why = why
	u.event.Detail = encode(u.verdict.detail)
	if ep := a.episodes[u.verdict.key]; ep != nil && ep.id == u.event.Episode {
		ep.event.Detail = u.event.Detail
	}
	if err := a.store.writeAlert(ctx, u.event); err != nil {
		a.log.Warn("an episode's explanation is not written down", "episode", u.event.Episode, "err", err)
	}
}

// message is the event with everything around it. What was done is read back from what was written down.
func (a *Alerts) message(ctx context.Context, e AlertEvent) notify.Message {
	steps, err := a.store.steps(ctx, e.Tenant, e.Episode)
	if err != nil {
		a.log.Warn("a notification doesn't say what was done", "episode", e.Episode, "err", err)
	}
	return newMessage(a.cfg.Notify, e, a.started[e.Episode], steps)
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

// delivered writes down that a receiver has an event, or never will: the event's row is replaced by one that lists the
// receiver, and what it won't get is a dead letter.
func (a *Alerts) delivered(ctx context.Context, r notify.Report) error {
	if r.Outcome != notify.Sent {
		if err := a.store.writeDeadLetter(ctx, DeadLetter{Episode: r.Episode, Sequence: r.Sequence, Receiver: r.Receiver, Outcome: r.Outcome, Reason: r.Reason, Author: Author}); err != nil {
			return err
		}
	}
	e := a.outbox[r.Episode]
	if e == nil || e.Sequence != r.Sequence {
		return nil // a newer event of the episode has taken its place
	}
	var d detail
	if err := json.Unmarshal([]byte(e.Detail), &d); err != nil {
		return fmt.Errorf("detail of episode %s: %w", r.Episode, err)
	}
	if slices.Contains(d.Notified, r.Receiver) {
		return nil
	}
	d.Notified = append(d.Notified, r.Receiver)
	e.Detail = encode(d)
	if len(a.missing(e)) == 0 {
		delete(a.outbox, r.Episode)
		if e.State == StateResolved {
			delete(a.started, r.Episode)
		}
	}
	return a.store.writeAlert(ctx, e)
}

// repeat sends what fires again to those who forget it.
func (a *Alerts) repeat(ctx context.Context, now time.Time) {
	if now.Sub(a.refresh) < notify.RefreshEvery && !now.Before(a.refresh) {
		return
	}
	a.refresh = now
	var all []notify.Message
	for _, ep := range a.episodes {
		if now.Sub(ep.event.At) < notify.RefreshEvery {
			continue
		}
		if ep.message == nil || ep.throttle != nil { // a process before told it; or more was done since
			m := a.message(ctx, ep.event)
			ep.message = &m
		}
		all = append(all, *ep.message)
	}
	a.boxes.Refresh(all)
}

// started is when a resolved episode had begun.
func (d detail) started(otherwise time.Time) time.Time {
	at, err := time.Parse(time.RFC3339Nano, d.Started)
	if err != nil {
		return otherwise
	}
	return at
}
