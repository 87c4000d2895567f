package alerts

import (
	"context"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// ManualRule is the rule of commands that a person gave.
const ManualRule = "manual"

// Freeze says that a person has stopped automatic throttles: none begins, and those in force are released. What people
// applied by hand stays.
type Freeze struct {
	Gateway string
	Author  string
	Reason  string
	Since   time.Time
	over    bool // it was lifted since
}

// acts are what people did: released an episode, and with it whatever else of the subject was firing at that time, so that
// another threshold's episode doesn't throttle in its place; or froze everything.
type acts struct {
	episodes map[string]bool
	given    map[gateway.Subject]time.Time // the newest release
	frozen   *Freeze                       // nil: they aren't
	read     time.Time                     // up to when throttle_events was read
}

func newActs() acts { return acts{episodes: map[string]bool{}, given: map[gateway.Subject]time.Time{}} }

// release takes a release in, of a time that isn't to come; episode is empty or the zero id if nothing was in force.
func (a *acts) release(s gateway.Subject, episode string, given time.Time) {
	a.episodes[episode] = true
	a.given[s] = later(a.given[s], given)
}

// released reports that the wish's episode doesn't throttle any more. Who releases a whole tenant releases its parts.
func (a *acts) released(s gateway.Subject, w wish) bool {
	for _, about := range []gateway.Subject{s, gateway.Tenant(s.Tenant)} {
		if given, any := a.given[about]; any && !w.since.After(given) {
			return true
		}
	}
	return a.episodes[w.episode.String()]
}

// Acts are looked for in throttle_events actsBack at the start, then over the last actsOverlap: who wrote them may have
// another clock.
const (
	actsBack    = 31 * 24 * time.Hour
	actsOverlap = 10 * time.Minute
)

// readActs takes in what people have done since.
func (t *throttles) readActs(ctx context.Context, now time.Time) error {
	from := t.acts.read.Add(-actsOverlap)
	if t.acts.read.IsZero() {
		from = now.Add(-actsBack)
		frozen, err := t.store.frozen(ctx)
		if err != nil {
			return err
		}
		for _, f := range frozen {
			if f.Gateway == t.name() {
				t.acts.frozen = &f
			}
		}
	}
	before := t.acts.frozen
	err := t.store.acts(ctx, t.name(), from, func(a act) { t.take(a, now) })
	if err != nil {
		return err
	}
	t.acts.read = now
	t.metrics.frozen.Set(0)
	if t.acts.frozen != nil {
		t.metrics.frozen.Set(1)
	}
	switch after := t.acts.frozen; {
	case after != nil && before == nil:
		t.log.Warn("automatic throttles are frozen: those in force are released, none begins", "author", after.Author, "reason", after.Reason)
	case after == nil && before != nil:
		t.log.Warn("automatic throttles go on", "frozen_by", before.Author)
	}
	return nil
}

// act is one row of a person.
type act struct {
	gateway.Command
	step, author string
	at           time.Time
}

// take takes one act in; taking it twice changes nothing.
func (t *throttles) take(a act, now time.Time) {
	switch a.step {
	case StepFrozen:
		t.acts.frozen = &Freeze{Gateway: t.name(), Author: a.author, Reason: a.Reason, Since: a.at}
		return
	case StepUnfrozen:
		t.acts.frozen = nil
		return
	}
	h := t.hold(a.Subject)
	h.highest = max(h.highest, a.Sequence)
	switch {
	case a.step == StepReleased:
		if a.Sequence > h.undone { // once: the clock may be set meanwhile
			t.acts.release(a.Subject, a.Episode, earlier(a.Issued, now))
		}
		h.undone = max(h.undone, a.Sequence)
		if h.byHand.Sequence < a.Sequence {
			h.byHand = gateway.Command{}
		}
		h.overtake(a.Sequence)
	case a.step == StepAcknowledged && a.Level != gateway.Release:
		t.applied(h, a.Command, now)
	}
}

// applied takes in a command that a person gave: it stands until its lease ends.
func (t *throttles) applied(h *hold, cmd gateway.Command, now time.Time) {
	if cmd.Sequence <= max(h.byHand.Sequence, h.current.Sequence, h.undone) || !now.Before(cmd.Expires) {
		return
	}
	h.byHand = cmd
	h.byHand.Expires = cmd.Until(now)
	h.overtake(cmd.Sequence)
	t.log.Warn("throttle was applied by hand; rules leave the subject alone until its lease ends", "subject", h.subject, "level", cmd.Level, "expires", cmd.Expires)
}

// overtake forgets the rule's command if the person's came later.
func (h *hold) overtake(sequence uint64) {
	if h.current.Sequence != 0 && h.current.Sequence < sequence {
		h.current, h.proof = gateway.Command{}, proof{blind: h.blind}
	}
}

// acts yields the acts of people from a time on, in order.
func (s store) acts(ctx context.Context, gatewayName string, from time.Time, yield func(act)) error {
	return s.each(ctx, "manual_acts", params{"gateway": text(gatewayName), "from": milli(from)}, func(rows driver.Rows) error {
		var a act
		var level string
		err := rows.Scan(&a.Tenant, &a.Team, &a.Key, &a.User, &a.Model, &a.step, &level, &a.Episode, &a.Sequence, &a.author, &a.Reason, &a.Issued, &a.Expires, &a.at)
		if err != nil {
			return err
		}
		a.Level, a.Rule = gateway.Level(level), ManualRule
		yield(a)
		return nil
	})
}

// frozen lists the gateways whose automatic throttles are frozen.
func (s store) frozen(ctx context.Context) ([]Freeze, error) {
	said, err := s.freezes(ctx)
	return slices.DeleteFunc(said, func(f Freeze) bool { return f.over }), err
}

// freezes lists the newest word of each gateway on whether its automatic throttles are frozen.
func (s store) freezes(ctx context.Context) (out []Freeze, err error) {
	err = s.each(ctx, "throttle_frozen", params{}, func(rows driver.Rows) error {
		var f Freeze
		var frozen bool
		if err := rows.Scan(&f.Gateway, &frozen, &f.Author, &f.Reason, &f.Since); err != nil {
			return err
		}
		f.over = !frozen
		out = append(out, f)
		return nil
	})
	return out, err
}
