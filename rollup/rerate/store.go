package rerate

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// hours of the scope that have reports.
func (r *Rerate) hours(ctx context.Context, s Scope) ([]time.Time, error) {
	rows, err := r.conn.Query(ctx, schema.SQL("rerate/hours"), append(s.args(), named("from", s.From), named("to", s.To))...)
	if err != nil {
		return nil, fmt.Errorf("list the hours to re-rate: %w", err)
	}
	defer rows.Close()
	var out []time.Time
	for rows.Next() {
		var at time.Time
		if err := rows.Scan(&at); err != nil {
			return nil, fmt.Errorf("list the hours to re-rate: %w", err)
		}
		out = append(out, at.UTC())
	}
	return out, rows.Err()
}

func (r *Rerate) nextNumber(ctx context.Context) (uint16, error) {
	var n uint16
	if err := r.conn.QueryRow(ctx, schema.SQL("rerate/highest")).Scan(&n); err != nil {
		return 0, fmt.Errorf("read the re-rates: %w", err)
	}
	if n == math.MaxUint16 {
		return 0, fmt.Errorf("re-rate: all %d numbers that a report's version can hold are used", math.MaxUint16)
	}
	return n + 1, nil
}

func (r *Rerate) put(ctx context.Context, run *Run, hours int) error {
	reread := uint8(0)
	if run.Reread {
		reread = 1
	}
	err := r.conn.Exec(ctx, schema.SQL("rerate/start"), append(run.scope().args(), named("id", run.ID.String()), named("number", run.Number), named("from", run.From), named("to", run.To),
		named("book", run.Book), named("rules", run.Rules), named("reread", reread),
		named("author", run.Author), named("reason", run.Reason), named("hours", uint32(hours)))...)
	if err != nil {
		return fmt.Errorf("start a re-rate: %w", err)
	}
	return nil
}

// steps are the hours that a run has prepared, and those that it has written.
func (r *Rerate) steps(ctx context.Context, run *Run) (prepared, written map[time.Time]bool, err error) {
	rows, err := r.conn.Query(ctx, schema.SQL("rerate/steps"), named("id", run.ID.String()))
	if err != nil {
		return nil, nil, fmt.Errorf("read how far re-rate %d is: %w", run.Number, err)
	}
	defer rows.Close()
	prepared, written = map[time.Time]bool{}, map[time.Time]bool{}
	for rows.Next() {
		var step string
		var hour time.Time
		if err := rows.Scan(&step, &hour); err != nil {
			return nil, nil, fmt.Errorf("read how far re-rate %d is: %w", run.Number, err)
		}
		prepared[hour.UTC()] = true
		if step == "written" {
			written[hour.UTC()] = true
		}
	}
	return prepared, written, rows.Err()
}

// Runs are all re-rates that were ever started, the newest first.
func (r *Rerate) Runs(ctx context.Context) ([]Run, error) {
	rows, err := r.conn.Query(ctx, schema.SQL("rerate/runs"))
	if err != nil {
		return nil, fmt.Errorf("read the re-rates: %w", err)
	}
	defer rows.Close()
	var out []Run
	for rows.Next() {
		var run Run
		var id, state, tenant, before, after string
		var every, reread uint8
		err := rows.Scan(&id, &run.Number, &state, &run.From, &run.To, &every, &tenant, &run.Model, &run.Book, &run.Rules, &reread, &run.Author, &run.Reason,
			&run.At, &run.Last, &run.Hours, &run.AllHours, &run.Changed, &before, &after, &run.Before)
		if err == nil {
			run.ID, err = uuid.Parse(id)
		}
		if err == nil {
			run.before, err = ledger.ParseSum(before)
		}
		if err == nil {
			run.after, err = ledger.ParseSum(after)
		}
		if err != nil {
			return nil, fmt.Errorf("read the re-rates: %w", err)
		}
		run.State, run.Reread = State(state), reread != 0
		run.From, run.To, run.At, run.Last = run.From.UTC(), run.To.UTC(), run.At.UTC(), run.Last.UTC()
		run.CostBefore, run.CostAfter = run.before.Short(), run.after.Short()
		if every == 0 {
			run.Tenant = &tenant
		}
		out = append(out, run)
	}
	return out, rows.Err()
}

func (r *Rerate) changes(ctx context.Context, id uuid.UUID) ([]Change, error) {
	rows, err := r.conn.Query(ctx, schema.SQL("rerate/changes"), named("run", id.String()))
	if err != nil {
		return nil, fmt.Errorf("read what re-rate %s changed: %w", id, err)
	}
	defer rows.Close()
	var out []Change
	for rows.Next() {
		var c Change
		var before, after string
		err := rows.Scan(&c.Month, &c.Tenant, &c.Provider, &c.Model, &c.Calls, &c.Changed, &c.Unpriced, &before, &after)
		if err == nil {
			c.Before, err = ledger.ParseSum(before)
		}
		if err == nil {
			c.After, err = ledger.ParseSum(after)
		}
		if err != nil {
			return nil, fmt.Errorf("read what re-rate %s changed: %w", id, err)
		}
		c.Month = c.Month.UTC()
		out = append(out, c)
	}
	return out, rows.Err()
}
