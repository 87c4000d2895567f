package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// settle takes the result of a send in.
func (t *throttles) settle(ctx context.Context, now time.Time, r result) error {
	h := t.hold(r.cmd.Tenant)
	h.inFlight = false
	if r.err != nil {
		return t.failed(ctx, now, h, r)
	}
	t.back()
	newest := r.state // read after the acknowledgement
	if r.ack.State.Sequence > newest.Sequence {
		newest = r.ack.State
	}
	if overtaken(newest, r.cmd) {
		return t.superseded(ctx, now, h, r, newest)
	}
	answer, err := json.Marshal(r.ack)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	if err := t.record(ctx, r.cmd, StepAcknowledged, string(answer), r.ack.At); err != nil {
		return err
	}
	if problem := r.contradicts(); problem != "" {
		h.notBefore = t.backOff(now, h)
		t.log.Error("gateway took a throttle command and doesn't hold it", "tenant", r.cmd.Tenant, "sequence", r.cmd.Sequence, "problem", problem)
		return t.record(ctx, r.cmd, StepFailed, problem, now)
	}
	h.failures = 0
	if r.cmd.Level == gateway.Release {
		h.current = gateway.Command{}
		t.log.Info("throttle released", "tenant", r.cmd.Tenant, "sequence", r.cmd.Sequence)
		return t.record(ctx, r.cmd, StepReleased, "", r.ack.At)
	}
	if h.current.Episode != r.cmd.Episode {
		t.log.Warn("tenant throttled", "tenant", r.cmd.Tenant, "level", r.cmd.Level, "rule", r.cmd.Rule, "sequence", r.cmd.Sequence, "expires", r.cmd.Expires)
	}
	h.current = r.cmd
	if h.acked.IsZero() {
		h.acked = r.ack.At
	}
	return nil
}

// overtaken reports that the gateway holds somebody else's command in place of cmd: a newer one, or one of the same
// sequence, since senders that don't know of each other count on from the same number. What a gateway's account leaves
// out says nothing.
func overtaken(held gateway.State, cmd gateway.Command) bool {
	differs := func(theirs, ours string) bool { return theirs != "" && theirs != ours }
	if held.Sequence != cmd.Sequence {
		return held.Sequence > cmd.Sequence
	}
	return differs(string(held.Level), string(cmd.Level)) || differs(held.Rule, cmd.Rule) || differs(held.Episode, cmd.Episode)
}

// contradicts compares the gateway's own account with the command; "" if they agree or it gives none.
func (r result) contradicts() string {
	if errors.Is(r.stateErr, gateway.ErrNoReadBack) {
		return ""
	}
	if r.stateErr != nil {
		return "read-back: " + r.stateErr.Error()
	}
	if r.state.Sequence != r.cmd.Sequence {
		return fmt.Sprintf("read-back shows sequence %d, not %d", r.state.Sequence, r.cmd.Sequence)
	}
	if want := r.cmd.Level != gateway.Release && !r.cmd.DryRun; r.state.InForce != want {
		return fmt.Sprintf("read-back shows in_force %v for level %s", r.state.InForce, r.cmd.Level)
	}
	return ""
}

func (t *throttles) backOff(now time.Time, h *hold) time.Time {
	h.failures++
	return now.Add(min(t.cfg.RetryAfter<<min(h.failures-1, 10), max(time.Minute, t.cfg.RetryAfter)))
}

func (t *throttles) failed(ctx context.Context, now time.Time, h *hold, r result) error {
	h.notBefore = t.backOff(now, h)
	if errors.Is(r.err, gateway.ErrGone) {
		t.leave(now)
	}
	t.log.Error("throttle command failed", "tenant", r.cmd.Tenant, "sequence", r.cmd.Sequence, "level", r.cmd.Level, "err", r.err)
	return t.record(ctx, r.cmd, StepFailed, r.err.Error(), now)
}

// superseded handles a gateway that holds another command in place of ours. One that a person gave holds for all
// that was firing then; any other (a lost audit, a second controller) is overtaken with the next sequence.
func (t *throttles) superseded(ctx context.Context, now time.Time, h *hold, r result, held gateway.State) error {
	h.highest = held.Sequence
	if held.Level == gateway.Release && held.Rule == ManualRule {
		given := held.Issued
		if given.IsZero() { // the gateway doesn't tell: some time before our command
			given = r.cmd.Issued
		}
		t.byHand.add(r.cmd.Tenant, held.Episode, given)
		h.current = gateway.Command{}
		t.log.Warn("throttle was released by hand; what was firing then doesn't throttle again", "tenant", r.cmd.Tenant, "sequence", held.Sequence)
	}
	return t.record(ctx, r.cmd, StepFailed, fmt.Sprintf("superseded: the gateway holds sequence %d (%s, %s)", held.Sequence, held.Level, held.Rule), now)
}
