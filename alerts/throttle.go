package alerts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Throttler is a gateway as this role needs it: gateway.Client, or an adapter.
type Throttler interface {
	Name() string
	Send(ctx context.Context, cmd gateway.Command) (gateway.Ack, error)
	State(ctx context.Context, subject gateway.Subject) (gateway.State, error)
}

// Steps of a command in throttle_events.
const (
	StepOrdered      = "ordered"      // written down, about to be sent
	StepAcknowledged = "acknowledged" // the gateway answered 2xx
	StepEffective    = "effective"    // the subject's use in the ledger has fallen, or keeps to the limits
	StepIneffective  = "ineffective"  // it hasn't, in time; the next command is harder, people are told
	StepReleased     = "released"     // nothing is in force any more, by order
	StepExpired      = "expired"      // nothing is in force any more, by the lease's end
	StepFailed       = "failed"       // not delivered, or not in force; answer says which
	StepLost         = "lost"         // it was in force, and a later read-back doesn't show it any more; it is ordered again
	StepDryRun       = "dry_run"      // would have been ordered
	StepFrozen       = "frozen"       // a person stopped automatic throttles
	StepUnfrozen     = "unfrozen"     // and let them go on
)

// Author is the author of everything this role writes; other authors are people.
const Author = "alerts"

// wish is what one firing episode wants done to its subject.
type wish struct {
	policy  *Policy
	episode uuid.UUID
	rule    string
	kind    string
	reason  string
	since   time.Time
	begin   bool // false: it is already clearing: keep what is held, begin nothing
	proved  bool // also by a ledger that may lack calls
}

// hold is what is known of one subject's throttle.
type hold struct {
	subject   gateway.Subject
	highest   uint64          // sequence ordered or seen at the gateway
	current   gateway.Command // newest acknowledged, Sequence 0 = none
	inFlight  bool
	notBefore time.Time       // of the next attempt after a failure
	failures  int             // in a row
	trouble   string          // the newest of them
	told      toldOf          // dry run that was written
	byHand    gateway.Command // newest that a person applied and that wasn't released, Sequence 0 = none
	undone    uint64          // newest sequence of a release by a person, or of a lease by hand that ran out: acts are read more than once, and what ended doesn't begin again

	proof
}

// toldOf is what a dry run was written about, so that it is written once.
type toldOf struct {
	episode      uuid.UUID
	full, frozen bool
}

// throttles orders, renews, releases and measures. It belongs to the goroutine of Alerts.Run; sends run beside it and
// report through results.
type throttles struct {
	cfg     ThrottleConfig
	gateway Throttler // nil: everything is a dry run
	store   store
	now     func() time.Time
	log     *slog.Logger
	metrics *metrics
	notify  func(*ThrottleEvent)

	holds    map[gateway.Subject]*hold
	acts     acts             // of people
	gone     bool             // the gateway's last word was 410
	askAgain time.Time        // when a command may go to it nevertheless
	happened []*ThrottleEvent // steps that aren't written down yet
	orders   []order          // among them, commands to send once they are
	results  chan result
	sending  context.Context // of the sends; ends after the drain
}

// result is what came of one send, or of one look at what the gateway holds.
type result struct {
	cmd      gateway.Command
	probe    bool // nothing was sent
	ack      gateway.Ack
	err      error
	state    gateway.State
	stateErr error
}

// restore reads what was held before a restart, and how far its proof had come.
func (t *throttles) restore(ctx context.Context, now time.Time) error {
	audits, err := t.store.audits(ctx, t.name())
	if err != nil {
		return err
	}
	t.holds, t.acts = map[gateway.Subject]*hold{}, newActs()
	for _, a := range audits {
		h := t.hold(a.subject)
		h.highest = a.highest
		if a.held.Sequence == 0 || a.held.Level == gateway.Release || a.held.Rule == ManualRule {
			continue
		}
		h.current = a.held
		h.current.Expires = a.held.Until(now)
		if h.proof, err = t.store.proofOf(ctx, t.name(), a.held); err != nil {
			return err
		}
		h.lost = h.current.Expires.Before(a.held.Expires) // the clock was set back since: nobody knows how long it lasts at the gateway
		h.level = a.held.Level
		h.looked = now
	}
	return t.readActs(ctx, now)
}

func (t *throttles) name() string {
	if t.gateway == nil {
		return "none"
	}
	return t.gateway.Name()
}

func (t *throttles) hold(subject gateway.Subject) *hold {
	h := t.holds[subject]
	if h == nil {
		h = &hold{subject: subject}
		t.holds[subject] = h
	}
	return h
}

// enforced reports whether a wish may bite: configuration lets it, nobody froze, and there is a gateway.
func (t *throttles) enforced(now time.Time, tenant string, w wish) bool {
	return t.gateway != nil && !t.away(now) && t.acts.frozen == nil && t.named(tenant, w)
}

// strictest picks the wish to follow: one that may bite before dry runs, the harder level first, else the older one.
func (t *throttles) strictest(now time.Time, subject gateway.Subject, wishes []wish) (best wish, enforce, any bool) {
	rank := func(w wish) int {
		n := hardness(w.policy.Level)
		if t.enforced(now, subject.Tenant, w) {
			n += 10
		}
		return n
	}
	for _, w := range wishes {
		if t.acts.released(subject, w) {
			continue
		}
		if !any || rank(w) > rank(best) || (rank(w) == rank(best) && w.since.Before(best.since)) {
			best, any = w, true
		}
	}
	return best, any && t.enforced(now, subject.Tenant, best), any
}

// reconcile compares what the firing episodes want with what is held, subject by subject, and orders the difference.
// Without fresh evidence it only keeps what is proved: other leases run out.
func (t *throttles) reconcile(ctx context.Context, tk *tick, wishes map[gateway.Subject][]wish) error {
	errs := []error{t.readActs(ctx, tk.now)}
	for subject := range wishes {
		t.hold(subject)
	}
	for _, h := range t.inOrder(wishes) {
		t.expire(tk.now, h)
		if tk.fresh {
			t.follow(tk, h, wishes[h.subject])
			errs = append(errs, t.measure(tk, h))
		} else {
			t.keep(tk, h, wishes[h.subject])
		}
		t.probe(tk.now, h)
	}
	errs = append(errs, t.commit(ctx))
	t.metrics.throttled.Set(float64(t.throttled()))
	return errors.Join(errs...)
}

// inOrder lists what is known: what is held first, then by how long it has been wished for, so that a full house serves
// the oldest.
func (t *throttles) inOrder(wishes map[gateway.Subject][]wish) []*hold {
	since := func(h *hold) (at time.Time) {
		for _, w := range wishes[h.subject] {
			if at.IsZero() || w.since.Before(at) {
				at = w.since
			}
		}
		return at
	}
	return slices.SortedFunc(maps.Values(t.holds), func(a, b *hold) int {
		if x, y := a.current.Sequence > 0, b.current.Sequence > 0; x != y {
			if x {
				return -1
			}
			return 1
		}
		return cmp.Or(since(a).Compare(since(b)), strings.Compare(a.subject.String(), b.subject.String()))
	})
}

// throttled counts the tenants that rules throttle now.
func (t *throttles) throttled() int {
	tenants := map[string]bool{}
	for s, h := range t.holds {
		if h.bites() {
			tenants[s.Tenant] = true
		}
	}
	return len(tenants)
}

// bites reports that a rule's command is in force at the gateway or on its way there.
func (h *hold) bites() bool {
	return (h.current.Sequence > 0 && !h.current.DryRun) || h.biting
}

// room reports whether one more tenant may be throttled.
func (t *throttles) room(tenant string) bool {
	for s, h := range t.holds {
		if s.Tenant == tenant && h.bites() {
			return true
		}
	}
	return t.throttled() < t.cfg.MaxTenants
}

// keep renews, without fresh evidence, the lease of a budget that is exceeded by what the ledger already has. Else a
// runaway that makes ingest lag would switch off its own throttle. It begins nothing.
func (t *throttles) keep(tk *tick, h *hold, wishes []wish) {
	for _, w := range wishes {
		if w.proved && w.episode.String() == h.current.Episode {
			t.follow(tk, h, []wish{w})
			return
		}
	}
}

func (t *throttles) expire(now time.Time, h *hold) {
	for _, held := range []*gateway.Command{&h.current, &h.byHand} {
		if held.Sequence == 0 || now.Before(held.Expires) {
			continue
		}
		t.record(*held, StepExpired, "the lease ran out", now)
		if held == &h.byHand {
			h.undone = max(h.undone, held.Sequence) // also where the clock was set back, and it seems to last by what was written
		}
		t.log.Warn("throttle lease ran out", "subject", h.subject, "sequence", held.Sequence)
		*held = gateway.Command{}
	}
}

func (t *throttles) follow(tk *tick, h *hold, wishes []wish) {
	if h.inFlight || tk.now.Before(h.notBefore) || h.byHand.Sequence > 0 { // a person's word stands until its lease ends
		return
	}
	w, enforce, any := t.strictest(tk.now, h.subject, wishes)
	held := h.current.Sequence > 0
	full := enforce && !t.room(h.subject.Tenant)
	switch enforce = enforce && !full; {
	case held && t.away(tk.now):
		return // nobody to tell; the lease runs out
	case held && (!any || (!enforce && !h.current.DryRun)):
		t.release(tk.now, h)
		return
	case !any || (!held && !w.begin):
		return
	case !enforce && (t.gateway == nil || t.away(tk.now) || !t.cfg.SendDryRun):
		t.dryRun(tk.now, h, w, full)
		return
	}
	if h.episode != w.episode && enforce {
		h.begin(w, t.useBefore(tk, h.subject))
	}
	cmd := t.command(tk.now, h, w)
	cmd.DryRun = !enforce
	same := held && cmd.Level == h.current.Level && cmd.Limits == h.current.Limits && cmd.Episode == h.current.Episode && cmd.DryRun == h.current.DryRun
	if same && !h.lost && h.current.Expires.Sub(tk.now) > t.cfg.Lease/2 {
		return
	}
	t.order(h, cmd, h.baseline(cmd))
}

func (t *throttles) command(now time.Time, h *hold, w wish) gateway.Command {
	level := w.policy.Level
	if h.episode == w.episode && hardness(h.level) > hardness(level) {
		level = h.level
	}
	return gateway.Command{
		Subject: h.subject, Level: level, Limits: w.policy.limits(), Reason: shorten(w.reason), Rule: w.rule,
		Episode: w.episode.String(), Sequence: h.highest + 1, Issued: now, Expires: now.Add(t.cfg.Lease),
	}
}

func (t *throttles) release(now time.Time, h *hold) {
	why := "released: the alert has resolved"
	if f := t.acts.frozen; f != nil {
		why = shorten(fmt.Sprintf("released: throttles are frozen by %s: %s", f.Author, f.Reason))
	}
	t.order(h, gateway.Command{
		Subject: h.subject, Level: gateway.Release, Reason: why, Rule: h.current.Rule, Episode: h.current.Episode,
		Sequence: h.highest + 1, Issued: now, Expires: now.Add(t.cfg.Lease), DryRun: h.current.DryRun,
	}, "")
}

func (t *throttles) dryRun(now time.Time, h *hold, w wish, full bool) {
	why := t.notSent(now, h.subject.Tenant, w)
	if full {
		why = fmt.Sprintf("not sent: %d tenants are throttled already, throttle.max_tenants allows no more; is one cause behind all of them?", t.cfg.MaxTenants)
	}
	if told := (toldOf{w.episode, full, t.acts.frozen != nil}); h.told != told {
		cmd := t.command(now, h, w)
		cmd.DryRun = true
		t.record(cmd, StepDryRun, why, now)
		h.told, h.highest = told, cmd.Sequence
		if full {
			t.log.Error("throttle is not sent: too many tenants are throttled", "subject", h.subject, "rule", w.rule, "max_tenants", t.cfg.MaxTenants)
			return
		}
		t.log.Info("throttle, dry run", "subject", h.subject, "level", cmd.Level, "rule", w.rule, "why", why)
	}
}

// shorten keeps a text within what a command may carry.
func shorten(s string) string {
	const most = 900
	if len(s) > most {
		s = s[:most]
	}
	return ledger.CleanText(s)
}
