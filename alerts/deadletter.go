package alerts

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// DeadLetter is a notification that its receiver won't get by itself any more.
type DeadLetter struct {
	Episode  uuid.UUID
	Sequence uint32
	Receiver string
	Outcome  string // refused, expired or dropped
	Reason   string
	Sent     bool // a person sent it again
	Author   string
	At       time.Time
	Rule     string
	Tenant   string
	State    string
}

func (s store) writeDeadLetter(ctx context.Context, d DeadLetter) error {
	sent := uint8(0)
	if d.Sent {
		sent = 1
	}
	return s.insert(ctx, "insert_dead_letter", d.Episode, d.Sequence, d.Receiver, d.Outcome, d.Reason, sent, d.Author)
}

func (s store) deadLetters(ctx context.Context) ([]DeadLetter, error) {
	var out []DeadLetter
	err := s.each(ctx, "dead_letters", nil, func(rows driver.Rows) error {
		var d DeadLetter
		var id string
		var sent uint8
		if err := rows.Scan(&id, &d.Sequence, &d.Receiver, &d.Outcome, &d.Reason, &sent, &d.Author, &d.At, &d.Rule, &d.Tenant, &d.State); err != nil {
			return err
		}
		var err error
		d.Episode, err = uuid.Parse(id)
		d.Sent = sent == 1
		out = append(out, d)
		return err
	})
	return out, err
}

// steps yields those of episodes' throttle commands, each episode's in order. tenants are the episodes'.
func (s store) steps(ctx context.Context, tenants []string, episodes []uuid.UUID, yield func(ThrottleEvent)) error {
	names, ids := make([]string, len(tenants)), make([]string, len(episodes))
	for i := range tenants {
		names[i] = quoted(tenants[i])
	}
	for i := range episodes {
		ids[i] = quoted(episodes[i].String())
	}
	return s.each(ctx, "episode_steps", params{"tenants": array(names), "episodes": array(ids)}, func(rows driver.Rows) error {
		var e ThrottleEvent
		var limits map[string]string
		var dry uint8
		if err := rows.Scan(&e.Tenant, &e.Episode, &e.Team, &e.Key, &e.User, &e.Model, &e.Sequence, &e.Step, &e.Level, &e.Gateway, &limits, &dry, &e.Author, &e.Reason, &e.Answer, &e.Expires, &e.At); err != nil {
			return err
		}
		e.DryRun = dry == 1
		var err error
		e.Limits, err = sumsOf(limits)
		yield(e)
		return err
	})
}
