package alerts

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// settle takes the result of a send, or of a look, in.
func (t *throttles) settle(now time.Time, r result) error {
	h := t.hold(r.cmd.Subject)
	h.inFlight, h.biting = false, false
	if r.probe {
		t.looked(now, h, r)
		return nil
	}
	if r.err != nil {
		t.failed(now, h, r)
		return nil
	}
	t.back()
	newest := r.state // read after the acknowledgement
	if r.ack.State.Sequence > newest.Sequence {
		newest = r.ack.State
	}
	if overtaken(newest, r.cmd) {
		t.superseded(now, h, r, newest)
		return nil
	}
	answer, err := json.Marshal(r.ack)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	t.record(r.cmd, StepAcknowledged, string(answer), r.ack.At)
	if problem := r.contradicts(); problem != "" {
		h.notBefore = t.backOff(now, h, problem)
		t.log.Error("gateway took a throttle command and doesn't hold it", "subject", r.cmd.Subject, "sequence", r.cmd.Sequence, "problem", problem)
		t.record(r.cmd, StepFailed, problem, now)
		return nil
	}
	h.failures, h.trouble, h.lost, h.looked = 0, "", false, now
	h.blind = errors.Is(r.stateErr, gateway.ErrNoReadBack)
	if r.cmd.Level == gateway.Release {
		h.current, h.proof = gateway.Command{}, proof{blind: h.blind}
		t.log.Info("throttle released", "subject", r.cmd.Subject, "sequence", r.cmd.Sequence)
		t.record(r.cmd, StepReleased, "", r.ack.At)
		return nil
	}
	if h.current.Episode != r.cmd.Episode || h.current.Level != r.cmd.Level {
		t.log.Warn("throttled", "subject", r.cmd.Subject, "level", r.cmd.Level, "rule", r.cmd.Rule, "sequence", r.cmd.Sequence, "expires", r.cmd.Expires)
	}
	h.current = r.cmd
	h.current.Expires = r.cmd.Until(now) // the clock may have been set back since it was sent
	if h.acked.IsZero() {
		h.acked = r.ack.At
	}
	return nil
}

// probe asks the gateway, beside this goroutine, whether it still holds what it took: a gateway that restarts forgets.
func (t *throttles) probe(now time.Time, h *hold) {
	if h.inFlight || h.blind || h.current.Sequence == 0 || h.current.DryRun || t.away(now) || t.gateway == nil || now.Sub(h.looked) < t.cfg.ProbeEvery {
		return
	}
	h.looked, h.inFlight, h.biting = now, true, true
	r := result{cmd: h.current, probe: true}
	go func() {
		r.state, r.stateErr = t.gateway.State(t.sending, r.cmd.Subject)
		t.results <- r
	}()
}

// looked takes in what the gateway holds between commands.
func (t *throttles) looked(now time.Time, h *hold, r result) {
	if r.stateErr != nil {
		h.blind = errors.Is(r.stateErr, gateway.ErrNoReadBack)
		if !h.blind {
			t.log.Warn("the gateway doesn't tell what it holds", "subject", r.cmd.Subject, "error", r.stateErr)
		}
		return // the next command tells whether it is there
	}
	if h.current.Sequence != r.cmd.Sequence {
		return // a person's act came between
	}
	if overtaken(r.state, r.cmd) {
		t.superseded(now, h, r, r.state)
		return
	}
	problem := r.contradicts()
	if problem == "" || now.Add(t.cfg.Lease/4).After(r.cmd.Expires) { // near the lease's end clocks may differ about it
		return
	}
	h.lost, h.trouble = true, problem
	h.losses++
	t.log.Error("gateway has lost a throttle command; it is ordered again", "subject", r.cmd.Subject, "sequence", r.cmd.Sequence, "problem", problem)
	t.record(r.cmd, StepLost, problem, now)
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

func (t *throttles) backOff(now time.Time, h *hold, trouble string) time.Time {
	h.failures++
	h.trouble = shorten(trouble)
	return now.Add(min(t.cfg.RetryAfter<<min(h.failures-1, 10), max(time.Minute, t.cfg.RetryAfter)))
}

func (t *throttles) failed(now time.Time, h *hold, r result) {
	h.notBefore = t.backOff(now, h, r.err.Error())
	if errors.Is(r.err, gateway.ErrGone) {
		t.leave(now)
	}
	t.log.Error("throttle command failed", "subject", r.cmd.Subject, "sequence", r.cmd.Sequence, "level", r.cmd.Level, "error", r.err)
	t.record(r.cmd, StepFailed, r.err.Error(), now)
}

// superseded handles a gateway that holds another command in place of ours. One that a person gave stands: a release for
// all that was firing then, another one until its lease ends. Any other (a lost audit, a second controller) is overtaken
// with the next sequence.
func (t *throttles) superseded(now time.Time, h *hold, r result, held gateway.State) {
	h.highest = max(h.highest, held.Sequence)
	switch {
	case held.Rule != ManualRule:
		h.lost = r.probe
	case held.Level == gateway.Release:
		given := held.Issued
		if given.IsZero() { // the gateway doesn't tell: some time before our command
			given = r.cmd.Issued
		}
		t.acts.release(r.cmd.Subject, held.Episode, earlier(given, now))
		h.current = gateway.Command{}
		t.log.Warn("throttle was released by hand; what was firing then doesn't throttle again", "subject", r.cmd.Subject, "sequence", held.Sequence)
	default:
		t.applied(h, held.Command, now)
	}
	t.record(r.cmd, StepFailed, fmt.Sprintf("superseded: the gateway holds sequence %d (%s, %s)", held.Sequence, held.Level, held.Rule), now)
}
