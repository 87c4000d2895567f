package alerts

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/schema"
)

// claimTable are the claims in the database, by its clock.
type claimTable struct {
	conn driver.Conn
	host string
}

func newClaimTable(conn driver.Conn) claimTable {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return claimTable{conn, fmt.Sprintf("%s, process %d", host, os.Getpid())}
}

func (t claimTable) claim(ctx context.Context, holder uuid.UUID, future time.Duration) error {
	if err := t.write(ctx, "lead_end", named("future", uint32(future/time.Millisecond))); err != nil {
		return err
	}
	return t.write(ctx, "lead_claim", named("holder", holder.String()), named("host", t.host), named("gone", false))
}

func (t claimTable) leave(ctx context.Context, holder uuid.UUID) error {
	return t.write(ctx, "lead_claim", named("holder", holder.String()), named("host", t.host), named("gone", true))
}

func (t claimTable) renew(ctx context.Context, holder uuid.UUID, renewable time.Duration) error {
	return t.write(ctx, "lead_renew", named("holder", holder.String()), named("host", t.host), named("renewable", uint32(renewable/time.Millisecond)))
}

func (t claimTable) write(ctx context.Context, statement string, args ...any) error {
	if err := t.conn.Exec(ctx, schema.SQL("alerts/"+statement), args...); err != nil {
		return fmt.Errorf("claim the lead: %w", err)
	}
	return nil
}

func named(name string, value any) any { return clickhouse.Named(name, value) }

func (t claimTable) all(ctx context.Context) (out []claim, err error) {
	rows, err := t.conn.Query(ctx, schema.SQL("alerts/leads"))
	if err != nil {
		return nil, fmt.Errorf("read who leads: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c claim
		var age, seen int64 // microseconds
		if err := rows.Scan(&c.holder, &c.host, &age, &seen, &c.gone); err != nil {
			return nil, fmt.Errorf("read who leads: %w", err)
		}
		c.age, c.seen = time.Duration(age)*time.Microsecond, time.Duration(seen)*time.Microsecond
		out = append(out, c)
	}
	return out, rows.Err()
}
