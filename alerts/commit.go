package alerts

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// order is a command that is about to be written down and sent.
type order struct {
	hold     *hold
	cmd      gateway.Command
	event    *ThrottleEvent
	sequence uint64 // the highest before
}

// order has the command written down and then sent.
func (t *throttles) order(h *hold, cmd gateway.Command, note string) {
	e := t.event(cmd, StepOrdered, note, t.now().UTC())
	t.orders = append(t.orders, order{h, cmd, e, h.highest})
	t.happened = append(t.happened, e)
	h.highest, h.inFlight, h.biting = cmd.Sequence, true, !cmd.DryRun && cmd.Level != gateway.Release
	if t.gone {
		t.askAgain = cmd.Issued.Add(goneProbe) // one question at a time
	}
}

// send sends the command beside this goroutine and reads back what the gateway holds.
func (t *throttles) send(cmd gateway.Command) {
	r := result{cmd: cmd}
	if r.ack, r.err = t.gateway.Send(t.sending, cmd); r.err == nil {
		r.state, r.stateErr = t.gateway.State(t.sending, cmd.Subject)
	}
	t.results <- r // read until Run has seen all that are in flight
}

// mostAnswer bounds what is kept of a gateway's answer, in bytes.
const mostAnswer = 4000

func (t *throttles) event(cmd gateway.Command, step, answer string, at time.Time) *ThrottleEvent {
	id, _ := uuid.Parse(cmd.Episode) // the zero id for commands of no episode
	if len(answer) > mostAnswer {
		answer = answer[:mostAnswer] + " …"
	}
	return &ThrottleEvent{
		Subject: cmd.Subject, Sequence: cmd.Sequence, Step: step, Level: string(cmd.Level), Gateway: t.name(), Episode: id, Rule: cmd.Rule,
		Limits: limitsOf(cmd.Limits), DryRun: cmd.DryRun, Author: Author, Reason: cmd.Reason, Answer: strings.ToValidUTF8(answer, "\uFFFD"),
		Issued: cmd.Issued, Expires: cmd.Expires, At: at,
	}
}

// record has a step written down with the next commit.
func (t *throttles) record(cmd gateway.Command, step, answer string, at time.Time) {
	t.happened = append(t.happened, t.event(cmd, step, answer, at))
}

// commit writes down all that happened since the last one in one insert, tells the observer, and sends the commands that were
// ordered: none before it is written down. If it can't be written it is kept for the next commit, but for the orders, which are
// taken back.
func (t *throttles) commit(ctx context.Context) error {
	orders := t.orders
	t.orders = nil
	if err := t.store.writeThrottles(ctx, t.happened...); err != nil {
		for _, o := range slices.Backward(orders) {
			o.hold.highest, o.hold.inFlight, o.hold.biting = o.sequence, false, false
		}
		t.happened = slices.DeleteFunc(t.happened, func(e *ThrottleEvent) bool {
			return slices.ContainsFunc(orders, func(o order) bool { return o.event == e })
		})
		return err
	}
	for _, e := range t.happened {
		t.metrics.steps.WithLabelValues(e.Step).Inc()
		t.notify(e)
	}
	t.happened = nil
	for _, o := range orders {
		go t.send(o.cmd)
	}
	return nil
}
