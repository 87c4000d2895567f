package alerts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/schema"
)

// ManualRule is the rule of commands that a person gave.
const ManualRule = "manual"

// ReleaseByHand lifts whatever throttle the gateway holds for the tenant, now, and writes down who did it and why. A
// running alerts role sees it at its next renewal and leaves the tenant alone until the episode is over. It works
// without that role.
func ReleaseByHand(ctx context.Context, clickhouse string, g Throttler, tenant, author, reason string, now func() time.Time) (gateway.Ack, error) {
	if tenant == "" || author == "" || author == Author || reason == "" {
		return gateway.Ack{}, fmt.Errorf("release %q: name the tenant, who you are (not %q) and the reason", tenant, Author)
	}
	state, err := g.State(ctx, tenant)
	if err != nil && !errors.Is(err, gateway.ErrNoReadBack) {
		return gateway.Ack{}, err
	}
	conn, err := schema.Open(clickhouse)
	if err != nil {
		return gateway.Ack{}, err
	}
	defer conn.Close()
	s := store{reader{conn}}
	highest := state.Sequence
	episode := state.Episode
	audits, auditErr := s.audits(ctx, g.Name()) // without it the gateway's own number has to do
	for _, a := range audits {
		if a.tenant == tenant {
			highest = max(highest, a.highest)
			if episode == "" {
				episode = a.held.Episode
			}
		}
	}
	at := now().UTC()
	cmd := gateway.Command{Tenant: tenant, Level: gateway.Release, Reason: shorten(reason), Rule: ManualRule, Episode: episode,
		Sequence: highest + 1, Issued: at, Expires: at.Add(10 * time.Minute)}
	ack, err := g.Send(ctx, cmd)
	if err != nil {
		return ack, err
	}
	id, _ := uuid.Parse(episode) // the zero id if nothing was in force
	err = s.writeThrottle(ctx, &ThrottleEvent{Tenant: tenant, Sequence: cmd.Sequence, Step: StepReleased, Level: string(cmd.Level), Gateway: g.Name(),
		Episode: id, Rule: ManualRule, Author: author, Reason: cmd.Reason, Issued: at, Expires: cmd.Expires, At: ack.At})
	if err = errors.Join(auditErr, err); err != nil {
		return ack, fmt.Errorf("released, but it is not written down: %w", err)
	}
	return ack, nil
}
