package schema

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Tiers are the volumes of a tiered policy, the dearest first.
var Tiers = []string{"hot", "warm", "cold"}

// Dropped is where a part should be that nothing keeps any longer.
const Dropped = "dropped"

// Part is one active part of a table.
type Part struct {
	Table  string    `ch:"table"`
	Tier   string    `ch:"tier"` // the volume it lies on
	Rows   uint64    `ch:"rows"`
	Bytes  uint64    `ch:"bytes"` // on disk, compressed
	Oldest time.Time `ch:"oldest"`
	Newest time.Time `ch:"newest"`
}

// Timed tells parts of tables that are cut by time: others have no times.
func (p Part) Timed() bool { return p.Newest.Unix() > 0 }

// Parts are the active parts of a database.
func Parts(ctx context.Context, conn driver.Conn, database string) ([]Part, error) {
	var parts []Part
	if err := conn.Select(ctx, &parts, SQL("storage/parts"), clickhouse.Named("database", database)); err != nil {
		return nil, fmt.Errorf("read the parts of database %s: %w", database, err)
	}
	return parts, nil
}

// Place is where a part should be and since when, if that is not where it is. A part moves, and is dropped, as a whole: when
// its newest row is old enough.
func (o *Options) Place(p Part, now time.Time) (want string, due time.Time, ok bool) {
	class, known := o.Retention.ClassOf(p.Table)
	if !known || !p.Timed() {
		return "", time.Time{}, false
	}
	after := func(days int) time.Time { return p.Newest.AddDate(0, 0, days) }
	if class.KeepDays > 0 && !after(class.KeepDays).After(now) {
		return Dropped, after(class.KeepDays), true
	}
	at := slices.Index(Tiers, p.Tier)
	if at < 0 || o.Policy == DefaultPolicy {
		return "", time.Time{}, false
	}
	for i, days := range []int{0, class.WarmAfterDays, class.ColdAfterDays} {
		if i > at && days > 0 && !after(days).After(now) {
			want, due, ok = Tiers[i], after(days), true
		}
	}
	return want, due, ok
}

// Effect is what a changed retention does at once to what is stored.
type Effect struct {
	DropParts, MoveParts uint64
	DropBytes, MoveBytes uint64
	Oldest               time.Time // of what is dropped
}

// String is "drops 12 parts (3.4 GB, from 2026-01-31 on), moves 3 parts (100 MB)", or empty.
func (e Effect) String() string {
	text := ""
	if e.DropParts > 0 {
		text = fmt.Sprintf("drops %d parts (%s, from %s on)", e.DropParts, Size(e.DropBytes), e.Oldest.UTC().Format(time.DateOnly))
	}
	if e.MoveParts > 0 {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("moves %d parts (%s) to a colder tier", e.MoveParts, Size(e.MoveBytes))
	}
	return text
}

// Size writes bytes in decimal units, as disks are sold.
func Size(n uint64) string {
	x, units := float64(n), []string{"B", "kB", "MB", "GB", "TB", "PB"}
	i := 0
	for x >= 1000 && i < len(units)-1 {
		x, i = x/1000, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", x, units[i])
}

// addEffects says of each changed retention what it does to what is stored now.
func (s *session) addEffects(ctx context.Context, changes []Change, now time.Time) error {
	if !slices.ContainsFunc(changes, func(c Change) bool { return c.Kind == ChangeRetention }) {
		return nil
	}
	parts, err := Parts(ctx, s.conn, s.target.Database)
	if err != nil {
		return err
	}
	for i := range changes {
		if changes[i].Kind != ChangeRetention {
			continue
		}
		e := &changes[i].Effect
		for _, p := range parts {
			if s.target.Database+"."+p.Table != changes[i].Object {
				continue
			}
			switch want, _, ok := s.opts.Place(p, now); {
			case !ok:
			case want == Dropped:
				e.DropParts, e.DropBytes = e.DropParts+1, e.DropBytes+p.Bytes
				if e.Oldest.IsZero() || p.Oldest.Before(e.Oldest) {
					e.Oldest = p.Oldest
				}
			default:
				e.MoveParts, e.MoveBytes = e.MoveParts+1, e.MoveBytes+p.Bytes
			}
		}
	}
	return nil
}
