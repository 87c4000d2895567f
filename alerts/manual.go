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

// byHand is what people released: an episode by name, and with it whatever else of the tenant was firing at that time, so
// that another threshold's episode doesn't throttle in its place.
type byHand struct {
	episodes map[string]bool
	given    map[string]time.Time // by tenant: the newest release
}

func newByHand() byHand { return byHand{map[string]bool{}, map[string]time.Time{}} }

// add takes a release in; episode is empty or the zero id if nothing was in force.
func (b byHand) add(tenant, episode string, given time.Time) {
	b.episodes[episode] = true
	b.given[tenant] = later(b.given[tenant], given)
}

// covers reports that the wish's episode doesn't throttle any more.
func (b byHand) covers(tenant string, w wish) bool {
	given, any := b.given[tenant]
	return b.episodes[w.episode.String()] || (any && !w.since.After(given))
}

// releaseAttempts is how often a release is sent anew when another command, a renewal perhaps, came before it.
const releaseAttempts = 3

// ReleaseByHand lifts whatever throttle the gateway holds for the tenant, now, and writes down who did it and why. A
// running alerts role sees it at its next renewal and leaves the tenant alone until what is firing now is over. It works
// without that role. The Ack's State is what the gateway says it holds, the zero State if it doesn't say.
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
	ack, err := sendRelease(ctx, g, &cmd)
	if err != nil {
		return ack, err
	}
	id, _ := uuid.Parse(cmd.Episode) // the zero id if nothing was in force
	err = s.writeThrottle(ctx, &ThrottleEvent{Tenant: tenant, Sequence: cmd.Sequence, Step: StepReleased, Level: string(cmd.Level), Gateway: g.Name(),
		Episode: id, Rule: ManualRule, Author: author, Reason: cmd.Reason, Issued: at, Expires: cmd.Expires, At: ack.At})
	if err = errors.Join(auditErr, err); err != nil {
		return ack, fmt.Errorf("released, but it is not written down: %w", err)
	}
	return ack, nil
}

// sendRelease sends the release until the gateway holds it or a release like it. A command that came before it is
// overtaken: the release takes the next sequence, and the episode that it then ends.
func sendRelease(ctx context.Context, g Throttler, cmd *gateway.Command) (gateway.Ack, error) {
	var ack gateway.Ack
	for range releaseAttempts {
		var err error
		if ack, err = g.Send(ctx, *cmd); err != nil {
			return ack, err
		}
		if ack.State.Sequence == 0 { // the answer tells nothing; the read-back may
			if held, err := g.State(ctx, cmd.Tenant); err == nil {
				ack.State = held
			}
		}
		held := ack.State
		if held.Sequence == 0 || (held.Sequence == cmd.Sequence && !overtaken(held, *cmd)) {
			return ack, nil
		}
		cmd.Sequence = max(held.Sequence, cmd.Sequence) + 1
		if held.Episode != "" {
			cmd.Episode = held.Episode
		}
	}
	return ack, fmt.Errorf("%q is not released: the gateway holds sequence %d (%s, %s) after %d tries; is another controller sending to it? Try again, or stop it",
		cmd.Tenant, ack.State.Sequence, ack.State.Level, ack.State.Rule, releaseAttempts)
}
