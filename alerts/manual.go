package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Hand is a person's way to the gateway and to throttle_events, with or without a running alerts role.
type Hand struct {
	ClickHouse string
	Gateway    Throttler
	Author     string
	Reason     string
	Now        func() time.Time
}

// An ActError is an act that can't be done as it was given: nothing was asked of the gateway, nothing written down.
type ActError struct{ err error }

func (e *ActError) Error() string { return e.err.Error() }

// Unwrap is what is wrong with the act.
func (e *ActError) Unwrap() error { return e.err }

// validate refuses an act for the reason given, if there is one, and one of nobody or without a reason.
func (h *Hand) validate(act string, wrong error) error {
	if h.Author == "" || h.Author == Author || h.Reason == "" {
		wrong = errors.Join(wrong, fmt.Errorf("%s: say who you are (--author, not %q) and why (--reason); both are kept", act, Author))
	}
	if wrong != nil {
		return &ActError{wrong}
	}
	return nil
}

// sendAttempts is how often a person's command is sent anew when another one, a renewal perhaps, came before it.
const sendAttempts = 3

// known is what the gateway and the audit say of a subject.
type known struct {
	state gateway.State
	audit audit
	parts []gateway.Subject // of a whole tenant: its parts under command
}

// look asks both; an audit that can't be read is an error beside what the gateway says.
func (h *Hand) look(ctx context.Context, s store, subject gateway.Subject) (k known, auditErr, err error) {
	k.state, err = h.Gateway.State(ctx, subject)
	if err != nil && !errors.Is(err, gateway.ErrNoReadBack) {
		return k, nil, err
	}
	audits, auditErr := s.audits(ctx, h.Gateway.Name())
	for _, a := range audits {
		if a.subject == subject {
			k.audit = a
		} else if subject == gateway.Tenant(a.subject.Tenant) && a.held.Sequence > 0 && a.held.Level != gateway.Release && h.Now().Before(a.held.Expires) {
			k.parts = append(k.parts, a.subject)
		}
	}
	return k, auditErr, nil
}

// Release lifts whatever throttle the gateway holds for the subject, and for a whole tenant those of its parts, now, and
// writes down who did it and why. A running alerts role leaves the subject alone until what is firing now is over. The
// Ack's State is what the gateway says it holds, the zero State if it doesn't say.
func (h *Hand) Release(ctx context.Context, subject gateway.Subject) (gateway.Ack, error) {
	if err := h.validate("release", subject.Validate()); err != nil {
		return gateway.Ack{}, err
	}
	conn, err := schema.Open(h.ClickHouse)
	if err != nil {
		return gateway.Ack{}, err
	}
	defer conn.Close()
	s := store{reader{conn}}
	k, auditErr, err := h.look(ctx, s, subject)
	if err != nil {
		return gateway.Ack{}, err
	}
	ack, err := h.releaseOne(ctx, s, subject, k)
	if err != nil {
		return ack, errors.Join(err, auditErr)
	}
	for _, part := range k.parts {
		k, _, err := h.look(ctx, s, part)
		if err == nil {
			_, err = h.releaseOne(ctx, s, part, k)
		}
		if err != nil {
			return ack, fmt.Errorf("%s is released, %s isn't: %w", subject, part, err)
		}
	}
	if auditErr != nil { // then the gateway's own number had to do
		return ack, fmt.Errorf("released; parts of the tenant aren't known: %w", auditErr)
	}
	return ack, nil
}

func (h *Hand) releaseOne(ctx context.Context, s store, subject gateway.Subject, k known) (gateway.Ack, error) {
	at := h.Now().UTC()
	cmd := gateway.Command{Subject: subject, Level: gateway.Release, Reason: shorten(h.Reason), Rule: ManualRule, Episode: k.state.Episode,
		Sequence: max(k.state.Sequence, k.audit.highest) + 1, Issued: at, Expires: at.Add(10 * time.Minute)}
	if cmd.Episode == "" {
		cmd.Episode = k.audit.held.Episode
	}
	ack, err := h.send(ctx, &cmd)
	if err != nil {
		return ack, err
	}
	if err := h.write(ctx, s, cmd, StepReleased, "", ack.At); err != nil {
		return ack, fmt.Errorf("released, but it is not written down: %w", err)
	}
	return ack, nil
}

// mostByHand is the longest lease by hand: nobody renews it.
const mostByHand = gateway.MaxLease

// Apply throttles the subject until the lease ends or somebody releases it, and writes down who did it and why. Rules
// leave the subject alone meanwhile. The gateway may refuse leases that are longer than it likes.
func (h *Hand) Apply(ctx context.Context, subject gateway.Subject, level gateway.Level, limits gateway.Limits, lease time.Duration) (gateway.Ack, error) {
	if level == gateway.Release {
		return gateway.Ack{}, &ActError{errors.New("level release: use release")}
	}
	if lease <= 0 || lease > mostByHand {
		return gateway.Ack{}, &ActError{fmt.Errorf("lease %s: want more than 0, at most %s", lease, mostByHand)}
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return gateway.Ack{}, fmt.Errorf("episode id: %w", err)
	}
	at := h.Now().UTC()
	cmd := gateway.Command{Subject: subject, Level: level, Limits: limits, Reason: shorten(h.Reason), Rule: ManualRule, Episode: id.String(),
		Sequence: 1, Issued: at, Expires: at.Add(lease)}
	if err := h.validate("apply", cmd.Validate()); err != nil {
		return gateway.Ack{}, err
	}
	conn, err := schema.Open(h.ClickHouse)
	if err != nil {
		return gateway.Ack{}, err
	}
	defer conn.Close()
	s := store{reader{conn}}
	k, auditErr, err := h.look(ctx, s, subject)
	if err = errors.Join(err, auditErr); err != nil {
		return gateway.Ack{}, err
	}
	cmd.Sequence = max(k.state.Sequence, k.audit.highest) + 1
	if err := h.write(ctx, s, cmd, StepOrdered, "", at); err != nil {
		return gateway.Ack{}, fmt.Errorf("not sent, since it can't be written down: %w", err)
	}
	ack, err := h.send(ctx, &cmd)
	if err != nil {
		return ack, errors.Join(err, h.write(ctx, s, cmd, StepFailed, err.Error(), h.Now().UTC()))
	}
	answer, err := json.Marshal(ack)
	if err != nil {
		return ack, fmt.Errorf("encode answer: %w", err)
	}
	if err := h.write(ctx, s, cmd, StepAcknowledged, string(answer), ack.At); err != nil {
		return ack, fmt.Errorf("applied, but the answer is not written down: %w", err)
	}
	return ack, nil
}

// SetFrozen stops automatic throttles at the gateway, or lets them go on. It writes only; a running alerts role sees it
// within an evaluation and releases what it holds, and without one every lease runs out.
func (h *Hand) SetFrozen(ctx context.Context, frozen bool) error {
	step := StepUnfrozen
	if frozen {
		step = StepFrozen
	}
	if err := h.validate("freeze", nil); err != nil {
		return err
	}
	conn, err := schema.Open(h.ClickHouse)
	if err != nil {
		return err
	}
	defer conn.Close()
	s, at := store{reader{conn}}, h.Now().UTC()
	said, err := s.freezes(ctx)
	if err != nil {
		return err
	}
	for _, f := range said { // the newest word counts, though a clock was set back since the one before
		if f.Gateway == h.Gateway.Name() {
			at = later(at, f.Since.Add(time.Millisecond))
		}
	}
	return h.write(ctx, s, gateway.Command{Rule: ManualRule, Reason: shorten(h.Reason), Issued: at, Expires: at}, step, "", at)
}

func (h *Hand) write(ctx context.Context, s store, cmd gateway.Command, step, answer string, at time.Time) error {
	id, _ := uuid.Parse(cmd.Episode) // the zero id if nothing was in force
	return s.writeThrottles(ctx, &ThrottleEvent{Subject: cmd.Subject, Sequence: cmd.Sequence, Step: step, Level: string(cmd.Level), Gateway: h.Gateway.Name(),
		Episode: id, Rule: ManualRule, Limits: limitsOf(cmd.Limits), Author: h.Author, Reason: cmd.Reason, Answer: answer,
		Issued: cmd.Issued, Expires: cmd.Expires, At: at})
}

// send sends the command until the gateway holds it or one like it. A command that came before it is overtaken: ours
// takes the next sequence, and a release the episode that it then ends.
func (h *Hand) send(ctx context.Context, cmd *gateway.Command) (gateway.Ack, error) {
	var ack gateway.Ack
	for range sendAttempts {
		var err error
		if ack, err = h.Gateway.Send(ctx, *cmd); err != nil {
			return ack, err
		}
		if ack.State.Sequence == 0 { // the answer tells nothing; the read-back may
			if held, err := h.Gateway.State(ctx, cmd.Subject); err == nil {
				ack.State = held
			}
		}
		held := ack.State
		if held.Sequence == 0 || (held.Sequence == cmd.Sequence && !overtaken(held, *cmd)) {
			return ack, nil
		}
		cmd.Sequence = max(held.Sequence, cmd.Sequence) + 1
		if held.Episode != "" && cmd.Level == gateway.Release {
			cmd.Episode = held.Episode
		}
	}
	return ack, fmt.Errorf("the gateway doesn't take %s of %q: it holds sequence %d (%s, %s) after %d tries; is another controller sending to it? Try again, or stop it",
		cmd.Level, cmd.Subject, ack.State.Sequence, ack.State.Level, ack.State.Rule, sendAttempts)
}
