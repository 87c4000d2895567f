package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/rollup"
)

const (
	days = 30 // the calls lie in, before today
	live = 2  // whole days before today whose calls and minutes are stored too: as far as panels read them by default
)

// generator stores two days and today's hours call by call and rolls them up; the days before are copies of these two days' hours and
// days, so that the windows and keys that panels read are those of all the calls.
type generator struct {
	conn  driver.Conn
	calls int
	now   time.Time
}

func (g generator) fill(ctx context.Context) ([]goals.Row, error) {
	var there uint64
	if err := g.conn.QueryRow(ctx, "SELECT count() FROM budgets").Scan(&there); err != nil {
		return nil, err
	}
	if there == 0 {
		if err := g.generate(ctx); err != nil {
			return nil, err
		}
	}
	return g.told(ctx)
}

func (g generator) generate(ctx context.Context) error {
	for day := live; day >= 0; day-- {
		for _, name := range []string{"calls", "spans", "minutes", "hours", "days", "hours_by", "days_by"} {
			g.say("%s of %s", name, g.day(day))
			if err := g.exec(ctx, name, clickhouse.Named("day", uint32(day)), clickhouse.Named("calls", uint64(g.calls/days))); err != nil {
				return err
			}
		}
	}
	for day := live + 1; day <= days; day++ {
		g.say("rollups of %s", g.day(day))
		from := 1 + (day-1)%live
		for _, table := range []string{"cost_hour", "cost_day", "cost_day_by"} {
			if err := g.exec(ctx, "copy", clickhouse.Named("table", table), clickhouse.Named("day", uint32(from)), clickhouse.Named("back", uint32(day-from))); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"revisions", "events", "metrics", "budgets"} {
		if err := g.exec(ctx, name, clickhouse.Named("days", uint32(days))); err != nil {
			return err
		}
	}
	if err := rollup.Publish(ctx, g.conn, g.now.AddDate(0, 0, -days), g.now); err != nil {
		return err
	}
	g.say("totals by one key")
	_, err := rollup.Summarize(ctx, g.conn, g.now)
	return err
}

// told is what lies behind the panels, after a look that rollups and calls agree where both are stored.
func (g generator) told(ctx context.Context) ([]goals.Row, error) {
	today := g.now.Truncate(24 * time.Hour)
	var calls, cost string
	span := []any{clickhouse.Named("from", today.AddDate(0, 0, -live)), clickhouse.Named("to", today)}
	if err := g.conn.QueryRow(ctx, statement("compare"), span...).Scan(&calls, &cost); err != nil {
		return nil, fmt.Errorf("compare rollups and calls: %w", err)
	}
	if calls != "0" || cost != "0" {
		return nil, fmt.Errorf("the rollups hold %s calls and $%s more than the calls of the same days", calls, cost)
	}
	var behind, stored, keys uint64
	if err := g.conn.QueryRow(ctx, statement("behind"), clickhouse.Named("from", today.AddDate(0, 0, -days)), clickhouse.Named("to", g.now)).Scan(&behind); err != nil {
		return nil, err
	}
	if err := g.conn.QueryRow(ctx, "SELECT count() FROM call_reports").Scan(&stored); err != nil {
		return nil, err
	}
	if err := g.conn.QueryRow(ctx, statement("keys")).Scan(&keys); err != nil {
		return nil, err
	}
	return []goals.Row{
		goals.Told("calls behind the panels, 30 days and today", fmt.Sprint(behind)),
		goals.Told("of these stored call by call and as minutes, the last two days and today; the others as hours and days", fmt.Sprint(stored)),
		goals.Told("keys (tenant, provider, model, service ...) in an hour", fmt.Sprint(keys)),
	}, nil
}

func (g generator) exec(ctx context.Context, name string, args ...any) error {
	if err := g.conn.Exec(ctx, statement(name), args...); err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	return nil
}

func (g generator) day(back int) string { return g.now.AddDate(0, 0, -back).Format(time.DateOnly) }

func (g generator) say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
