package directory

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/schema"
)

// Read reads the whole directory.
func Read(ctx context.Context, conn driver.Conn) (Directory, error) {
	var all []Dated
	err := each(ctx, conn, "directory/dated", func(rows driver.Rows) error {
		var x Dated
		var removed uint8
		err := rows.Scan(&x.Tenant, &x.Since, &removed, &x.DisplayName, &x.Parent, &x.CostCentre, &x.Owner, &x.TimeZone, &x.Attributes)
		x.Removed = removed != 0
		all = append(all, x)
		return err
	})
	return New(all), err
}

// Changes are all that were ever made, of one tenant or, for nil, of all: by tenant, in the order in which they were made.
func Changes(ctx context.Context, conn driver.Conn, tenant *string) ([]Change, error) {
	every, name := 1, ""
	if tenant != nil {
		every, name = 0, *tenant
	}
	var all []Change
	err := each(ctx, conn, "directory/changes", func(rows driver.Rows) error {
		var c Change
		var removed uint8
		err := rows.Scan(&c.Tenant, &c.Since, &removed, &c.DisplayName, &c.Parent, &c.CostCentre, &c.Owner, &c.TimeZone, &c.Attributes, &c.Author, &c.Reason,
			&c.At)
		c.Removed = removed != 0
		all = append(all, c)
		return err
	}, clickhouse.Named("every", every), clickhouse.Named("tenant", name))
	return all, err
}

// Write adds a plan's steps in one insert: all of them or none. A step that would report a closed month under somebody else is
// refused, and so are all others.
func Write(ctx context.Context, conn driver.Conn, steps []Step, author, reason string) error {
	if author == "" || reason == "" {
		return fmt.Errorf("a change of the directory without %s: say who makes it and why; both are kept", map[bool]string{true: "an author", false: "a reason"}[author == ""])
	}
	if len(steps) == 0 {
		return nil
	}
	if err := Refused(ctx, conn, steps); err != nil {
		return err
	}
	batch, err := conn.PrepareBatch(ctx, schema.SQL("directory/insert"))
	if err != nil {
		return fmt.Errorf("write the tenant directory: %w", err)
	}
	now := time.Now().UTC()
	for _, s := range steps {
		removed, attributes := uint8(0), s.Attributes
		if s.Removed {
			removed = 1
		}
		if attributes == nil {
			attributes = map[string]string{}
		}
		if err := batch.Append(s.Tenant, s.Since, removed, s.DisplayName, s.Parent, s.CostCentre, s.Owner, s.TimeZone, attributes, author, reason, now); err != nil {
			_ = batch.Abort() // the append's error says it all
			return fmt.Errorf("write the tenant directory: %s: %w", s.Tenant, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("write the tenant directory: %w", err)
	}
	return nil
}

// Refused says which step would change what a closed month was reported as; nil if none would.
func Refused(ctx context.Context, conn driver.Conn, steps []Step) error {
	var closed []time.Time
	err := each(ctx, conn, "directory/closed", func(rows driver.Rows) error {
		var month time.Time
		err := rows.Scan(&month)
		closed = append(closed, month)
		return err
	})
	if err != nil {
		return err
	}
	for _, s := range steps {
		if month, ok := s.Touches(closed); ok {
			name := month.Format("2006-01")
			return fmt.Errorf("tenant %q from %s: %s is closed, and its spend would be reported under another name: let the change begin on %s or later, or reopen the month first "+
				"(tollkeeper period reopen %s --reason …)", s.Tenant, s.Since.Format(time.DateOnly), name, closed[len(closed)-1].AddDate(0, 1, 0).Format(time.DateOnly), name)
		}
	}
	return nil
}

func each(ctx context.Context, conn driver.Conn, name string, scan func(driver.Rows) error, args ...any) error {
	rows, err := conn.Query(ctx, schema.SQL(name), args...)
	if err != nil {
		return fmt.Errorf("read the tenant directory: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("read the tenant directory: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the tenant directory: %w", err)
	}
	return nil
}
