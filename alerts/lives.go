package alerts

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Life is a throttle from order to end: what was ordered for one subject in one episode, or by one act of a person. Times
// that haven't come are zero.
type Life struct {
	Subject      gateway.Subject `json:"subject"`
	Gateway      string          `json:"gateway"`
	Episode      string          `json:"episode"`
	Level        gateway.Level   `json:"level"` // the newest
	Limits       string          `json:"limits,omitempty"`
	Rule         string          `json:"rule"`
	Author       string          `json:"author"`
	Reason       string          `json:"reason"`
	DryRun       bool            `json:"dry_run"`
	Commands     uint64          `json:"commands"` // the first and its renewals
	State        string          `json:"state"`    // dry run, ordered, failed, acknowledged, ineffective, effective, lost, released, expired
	Ordered      time.Time       `json:"ordered,omitzero"`
	Acknowledged time.Time       `json:"acknowledged,omitzero"`
	Effective    time.Time       `json:"effective,omitzero"`
	Ineffective  time.Time       `json:"ineffective,omitzero"`
	Released     time.Time       `json:"released,omitzero"`
	ReleasedBy   string          `json:"released_by,omitempty"`
	ReleasedWhy  string          `json:"released_why,omitempty"`
	Expired      time.Time       `json:"expired,omitzero"`
	Lease        time.Time       `json:"lease_until,omitzero"`
	Trouble      string          `json:"trouble,omitempty"` // the newest, or why it is a dry run
	failed       time.Time
}

// Lives lists throttles in which something happened since, the newest first, and the gateways whose automatic throttles
// are frozen.
func Lives(ctx context.Context, clickhouse string, since, now time.Time) (lives []Life, frozen []Freeze, err error) {
	conn, err := schema.Open(clickhouse)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	s := store{reader{conn}}
	if frozen, err = s.frozen(ctx); err != nil {
		return nil, nil, err
	}
	err = s.each(ctx, "throttle_lives", params{"from": milli(since)}, func(rows driver.Rows) error {
		var l Life
		var level string
		var dry uint8
		w := &l.Subject
		err := rows.Scan(&w.Tenant, &w.Team, &w.Key, &w.User, &w.Model, &l.Gateway, &l.Episode, &level, &l.Rule, &l.Author, &l.Reason, &l.Limits, &dry, &l.Commands,
			&l.Ordered, &l.Acknowledged, &l.Effective, &l.Ineffective, &l.Released, &l.Expired, &l.Lease, &l.Trouble, &l.failed, &l.ReleasedBy, &l.ReleasedWhy)
		if err != nil {
			return err
		}
		l.Level, l.DryRun = gateway.Level(level), dry == 1
		for _, at := range []*time.Time{&l.Ordered, &l.Acknowledged, &l.Effective, &l.Ineffective, &l.Released, &l.Expired, &l.Lease, &l.failed} {
			if at.Unix() == 0 {
				*at = time.Time{}
			}
		}
		l.State = l.state(now)
		lives = append(lives, l)
		return nil
	})
	return lives, frozen, err
}

// state is how far it has come: the newest of what happened, where an end is an end unless something was taken after it.
func (l *Life) state(now time.Time) string {
	ended := later(l.Released, l.Expired)
	lease := !l.Lease.IsZero() && now.Before(l.Lease)
	switch {
	case l.Acknowledged.IsZero() && l.Released.IsZero():
		switch {
		case l.DryRun:
			return "dry run"
		case !l.failed.IsZero():
			return StepFailed
		}
		return StepOrdered
	case !ended.IsZero() && !lease, !ended.IsZero() && ended.Equal(l.Released):
		if ended.Equal(l.Released) {
			return StepReleased
		}
		return StepExpired
	case !lease:
		return StepExpired
	case l.Ineffective.After(l.Effective):
		return StepIneffective
	case !l.Effective.IsZero():
		return StepEffective
	}
	return StepAcknowledged
}
