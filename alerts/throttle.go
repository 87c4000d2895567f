package alerts

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Throttler is a gateway as this role needs it: gateway.Client, or an adapter.
type Throttler interface {
	Name() string
	Send(ctx context.Context, cmd gateway.Command) (gateway.Ack, error)
	State(ctx context.Context, tenant string) (gateway.State, error)
}

// Steps of a command in throttle_events.
const (
	StepOrdered      = "ordered"      // written down, about to be sent
	StepAcknowledged = "acknowledged" // the gateway answered 2xx
	StepEffective    = "effective"    // the tenant's spend in the ledger has fallen
	StepReleased     = "released"     // nothing is in force any more, by order
	StepExpired      = "expired"      // nothing is in force any more, by the lease's end
	StepFailed       = "failed"       // not delivered, not in force, or without effect; answer says which
	StepDryRun       = "dry_run"      // would have been ordered
)

// Author is the author of everything this role writes; other authors are people.
const Author = "alerts"

// wish is what one firing episode wants done to its tenant.
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

// hold is what is known of one tenant's throttle.
type hold struct {
	highest   uint64          // sequence ordered or seen at the gateway
	current   gateway.Command // newest acknowledged, Sequence 0 = none
	inFlight  bool
	notBefore time.Time // of the next attempt after a failure
	failures  int
	told      uuid.UUID // episode whose dry run was written

	before    ledger.Sum // spend in EffectWindow before the first command of measured
	measured  uuid.UUID  // episode whose effect is being looked for
	acked     time.Time  // its first acknowledgement
	concluded bool       // effective, or reported as not
}

// throttles orders, renews, releases and measures. It belongs to the goroutine of Alerts.Run; sends run beside it and
// report through results.
type throttles struct {
	cfg     ThrottleConfig
	gateway Throttler // nil: everything is a dry run
	store   store
	log     *slog.Logger
	metrics *metrics
	notify  func(*ThrottleEvent)

	holds    map[string]*hold
	byHand   byHand
	gone     bool      // the gateway's last word was 410
	askAgain time.Time // when a command may go to it nevertheless
	results  chan result
	sending  context.Context // of the sends; ends after the drain
}

// result is what came of one send.
type result struct {
	cmd      gateway.Command
	ack      gateway.Ack
	err      error
	state    gateway.State
	stateErr error
}

// restore reads what was held before a restart.
func (t *throttles) restore(ctx context.Context, now time.Time) error {
	audits, err := t.store.audits(ctx, t.name())
	if err != nil {
		return err
	}
	if t.byHand, err = t.store.releasedByHand(ctx, now.Add(-31*24*time.Hour)); err != nil {
		return err
	}
	t.holds = map[string]*hold{}
	for _, a := range audits {
		h := t.hold(a.tenant)
		h.highest = a.highest
		if a.held.Sequence > 0 && a.held.Level != gateway.Release {
			h.current = a.held
			// Its effect was measured by the process before; what it spends now is no baseline for another look.
			h.concluded = true
			if id, err := uuid.Parse(a.held.Episode); err == nil {
				h.measured = id
			}
		}
	}
	return nil
}

func (t *throttles) name() string {
	if t.gateway == nil {
		return "none"
	}
	return t.gateway.Name()
}

func (t *throttles) hold(tenant string) *hold {
	h := t.holds[tenant]
	if h == nil {
		h = &hold{}
		t.holds[tenant] = h
	}
	return h
}

// enforced reports whether a wish may bite: configuration lets it, and there is a gateway.
func (t *throttles) enforced(now time.Time, tenant string, w wish) bool {
	return t.gateway != nil && !t.away(now) && t.named(tenant, w)
}

// strictest picks the wish to follow: one that may bite before dry runs, the harder level first, else the older one.
func (t *throttles) strictest(now time.Time, tenant string, wishes []wish) (best wish, enforce, any bool) {
	hardness := func(w wish) int {
		n := slices.Index([]gateway.Level{gateway.Notify, gateway.Slow, gateway.Cap, gateway.Block}, w.policy.Level)
		if t.enforced(now, tenant, w) {
			n += 10
		}
		return n
	}
	for _, w := range wishes {
		if t.byHand.covers(tenant, w) {
			continue
		}
		if !any || hardness(w) > hardness(best) || (hardness(w) == hardness(best) && w.since.Before(best.since)) {
			best, any = w, true
		}
	}
	return best, any && t.enforced(now, tenant, best), any
}

// reconcile compares what the firing episodes want with what is held, tenant by tenant, and orders the difference.
// Without fresh evidence it only keeps what is proved: other leases run out.
func (t *throttles) reconcile(ctx context.Context, tk *tick, wishes map[string][]wish) error {
	for tenant := range wishes {
		t.hold(tenant)
	}
	var errs []error
	for tenant, h := range t.holds {
		errs = append(errs, t.expire(ctx, tk.now, tenant, h))
		if tk.fresh {
			errs = append(errs, t.follow(ctx, tk, tenant, h, wishes[tenant]), t.measure(ctx, tk, tenant, h))
		} else {
			errs = append(errs, t.keep(ctx, tk, tenant, h, wishes[tenant]))
		}
	}
	return errors.Join(errs...)
}

// keep renews, without fresh evidence, the lease of a budget that is exceeded by what the ledger already has. Else a
// runaway that makes ingest lag would switch off its own throttle. It begins nothing.
func (t *throttles) keep(ctx context.Context, tk *tick, tenant string, h *hold, wishes []wish) error {
	for _, w := range wishes {
		if w.proved && w.episode.String() == h.current.Episode {
			return t.follow(ctx, tk, tenant, h, []wish{w})
		}
	}
	return nil
}

func (t *throttles) expire(ctx context.Context, now time.Time, tenant string, h *hold) error {
	if h.current.Sequence == 0 || now.Before(h.current.Expires) {
		return nil
	}
	if err := t.record(ctx, h.current, StepExpired, "the lease ran out", now); err != nil {
		return err
	}
	t.log.Warn("throttle lease ran out", "tenant", tenant, "sequence", h.current.Sequence)
	h.current = gateway.Command{}
	return nil
}

func (t *throttles) follow(ctx context.Context, tk *tick, tenant string, h *hold, wishes []wish) error {
	if h.inFlight || tk.now.Before(h.notBefore) {
		return nil
	}
	w, enforce, any := t.strictest(tk.now, tenant, wishes)
	held := h.current.Sequence > 0
	switch {
	case held && t.away(tk.now):
		return nil // nobody to tell; the lease runs out
	case held && (!any || (!enforce && !h.current.DryRun)):
		return t.release(ctx, tk.now, tenant, h)
	case !any || (!held && !w.begin):
		return nil
	case !enforce && (t.gateway == nil || t.away(tk.now) || !t.cfg.SendDryRun):
		return t.dryRun(ctx, tk.now, tenant, h, w)
	}
	cmd := t.command(tk.now, tenant, h, w)
	cmd.DryRun = !enforce
	same := held && cmd.Level == h.current.Level && cmd.Limits == h.current.Limits && cmd.Episode == h.current.Episode && cmd.DryRun == h.current.DryRun
	if same && h.current.Expires.Sub(tk.now) > t.cfg.Lease/2 {
		return nil
	}
	if h.measured != w.episode && enforce {
		h.measured, h.acked, h.concluded = w.episode, time.Time{}, false
		h.before = t.spendBefore(tk, tenant)
	}
	return t.order(ctx, h, cmd)
}

func (t *throttles) command(now time.Time, tenant string, h *hold, w wish) gateway.Command {
	return gateway.Command{
		Tenant: tenant, Level: w.policy.Level, Limits: w.policy.limits(), Reason: shorten(w.reason), Rule: w.rule,
		Episode: w.episode.String(), Sequence: h.highest + 1, Issued: now, Expires: now.Add(t.cfg.Lease),
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

func (t *throttles) release(ctx context.Context, now time.Time, tenant string, h *hold) error {
	return t.order(ctx, h, gateway.Command{
		Tenant: tenant, Level: gateway.Release, Reason: "released: the alert has resolved", Rule: h.current.Rule, Episode: h.current.Episode,
		Sequence: h.highest + 1, Issued: now, Expires: now.Add(t.cfg.Lease), DryRun: h.current.DryRun,
	})
}

func (t *throttles) dryRun(ctx context.Context, now time.Time, tenant string, h *hold, w wish) error {
	if h.told == w.episode {
		return nil
	}
	cmd := t.command(now, tenant, h, w)
	cmd.DryRun = true
	if err := t.record(ctx, cmd, StepDryRun, t.notSent(now, tenant, w), now); err != nil {
		return err
	}
	h.told, h.highest = w.episode, cmd.Sequence
	t.log.Info("throttle, dry run", "tenant", tenant, "level", cmd.Level, "rule", w.rule)
	return nil
}

// order writes the command down, then sends it beside this goroutine and reads back what the gateway holds.
func (t *throttles) order(ctx context.Context, h *hold, cmd gateway.Command) error {
	if err := t.record(ctx, cmd, StepOrdered, "", cmd.Issued); err != nil {
		return err
	}
	h.highest, h.inFlight = cmd.Sequence, true
	if t.gone {
		t.askAgain = cmd.Issued.Add(goneProbe) // one question at a time
	}
	go func() {
		r := result{cmd: cmd}
		if r.ack, r.err = t.gateway.Send(t.sending, cmd); r.err == nil {
			r.state, r.stateErr = t.gateway.State(t.sending, cmd.Tenant)
		}
		t.results <- r // read until Run has seen all that are in flight
	}()
	return nil
}

// record writes one step and tells the observer.
func (t *throttles) record(ctx context.Context, cmd gateway.Command, step, answer string, at time.Time) error {
	id, _ := uuid.Parse(cmd.Episode) // the zero id for commands of no episode
	e := &ThrottleEvent{
		Tenant: cmd.Tenant, Sequence: cmd.Sequence, Step: step, Level: string(cmd.Level), Gateway: t.name(), Episode: id, Rule: cmd.Rule,
		Limits: limitsOf(cmd.Limits), DryRun: cmd.DryRun, Author: Author, Reason: cmd.Reason, Answer: answer,
		Issued: cmd.Issued, Expires: cmd.Expires, At: at,
	}
	if err := t.store.writeThrottle(ctx, e); err != nil {
		return err
	}
	t.metrics.steps.WithLabelValues(step).Inc()
	t.notify(e)
	return nil
}
