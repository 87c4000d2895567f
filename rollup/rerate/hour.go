package rerate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// key is what totals of changes are kept by.
type key struct{ tenant, provider, model string }

// hourly is what becomes of one hour.
type hourly struct {
	keys        map[key]*Change
	books       map[key]map[string]bool // the versions that had rated what changes
	calls, left uint64
	changed     uint64 // calls
}

// errWritten: another process has written the hour already.
var errWritten = errors.New("the hour is written")

// read rates every report of an hour again and hands those that change to keep. The amounts of a call that another attempt of
// the run has written are no evidence of what they were before.
func (r *Rerate) read(ctx context.Context, s Scope, hour time.Time, number uint16, keep func(old, now *report) error) (*hourly, error) {
	rows, err := r.conn.Query(ctx, schema.SQL("rerate/reports"), append(s.args(), named("from", hour), named("to", hour.Add(time.Hour)))...)
	if err != nil {
		return nil, fmt.Errorf("read the reports of %s: %w", hour.Format(time.RFC3339), err)
	}
	defer rows.Close()
	h := &hourly{keys: map[key]*Change{}, books: map[key]map[string]bool{}}
	for rows.Next() {
		var old report
		if err := old.scan(rows); err != nil {
			return nil, fmt.Errorf("read the reports of %s: %w", hour.Format(time.RFC3339), err)
		}
		if number != 0 && numberOf(old.version) >= number {
			return nil, errWritten
		}
		now := old
		if s.Reread && !r.rules.Reread(&now.call) {
			h.left++
		}
		r.book.Recharge(&now.call, r.trusted)
		changed := !sameAmounts(&old.call, &now.call)
		h.note(&old, &now, changed)
		if changed {
			if err := keep(&old, &now); err != nil {
				return nil, err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the reports of %s: %w", hour.Format(time.RFC3339), err)
	}
	for k, c := range h.keys {
		if c.Changed == 0 {
			delete(h.keys, k)
		}
	}
	return h, nil
}

func (h *hourly) note(old, now *report, changed bool) {
	if !old.counts {
		return
	}
	k := key{old.call.Tenant, old.call.Provider, old.call.Model}
	c := h.keys[k]
	if c == nil {
		c = &Change{Tenant: k.tenant, Provider: k.provider, Model: k.model}
		h.keys[k], h.books[k] = c, map[string]bool{}
	}
	h.calls++
	c.Calls++
	if now.call.Unpriced != "" && now.call.Flags&(ledger.FlagProvided|ledger.FlagReserved) == 0 {
		c.Unpriced++
	}
	c.Before, c.After = c.Before.AddMoney(old.call.TotalCost()), c.After.AddMoney(now.call.TotalCost())
	if changed {
		h.changed++
		c.Changed++
		h.books[k][old.call.PriceVersion] = true
	}
}

// prepare writes what the run is going to do to an hour: new amounts of reports, and what they change by key.
func (r *Rerate) prepare(ctx context.Context, run *Run, hour time.Time) (*hourly, error) {
	var batch driver.Batch
	var kept int
	send := func() error {
		if batch == nil || kept == 0 {
			return nil
		}
		err := batch.Send()
		batch, kept = nil, 0
		return err
	}
	h, err := r.read(ctx, run.scope(), hour, run.Number, func(old, now *report) (err error) {
		if batch == nil {
			if batch, err = r.conn.PrepareBatch(ctx, schema.SQL("rerate/insert_reports")); err != nil {
				return err
			}
		}
		if err := appendReport(batch, run, old, now); err != nil {
			return err
		}
		if kept++; kept >= r.chunk {
			return send()
		}
		return nil
	})
	if err == nil {
		err = send()
	}
	if batch != nil {
		_ = batch.Abort()
	}
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", hour.Format(time.RFC3339), err)
	}
	if err := r.after("reports", hour); err != nil {
		return nil, err
	}
	if err := r.putChanges(ctx, run, hour, h); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", hour.Format(time.RFC3339), err)
	}
	return h, r.after("changes", hour)
}

func appendReport(batch driver.Batch, run *Run, old, now *report) error {
	c := &now.call
	usage, cost := make([]uint64, len(c.Usage.Tokens)), make([]string, len(c.Cost))
	for i, n := range c.Usage.Tokens {
		usage[i] = uint64(n)
	}
	for i, m := range c.Cost {
		cost[i] = m.String()
	}
	return batch.Append(run.ID, time.Unix(c.Minute, 0).UTC(), c.Tenant, string(c.TraceID[:]), string(c.SpanID[:]), old.version,
		versionOf(old.version, run.Number, c), usage, cost, c.ListDelta.String(), c.CacheSaved.String(), c.TierSaved.String(), c.PriceVersion,
		c.PriceEntry, c.Unpriced, uint32(c.Flags))
}

func (r *Rerate) putChanges(ctx context.Context, run *Run, hour time.Time, h *hourly) error {
	if len(h.keys) == 0 {
		return nil
	}
	batch, err := r.conn.PrepareBatch(ctx, schema.SQL("rerate/insert_changes"))
	if err != nil {
		return err
	}
	for _, k := range slices.SortedFunc(maps.Keys(h.keys), key.compare) {
		c := h.keys[k]
		err := batch.Append(run.ID, hour, k.tenant, k.provider, k.model, c.Calls, c.Changed, c.Unpriced, c.Before.String(), c.After.String(),
			slices.Sorted(maps.Keys(h.books[k])))
		if err != nil {
			_ = batch.Abort()
			return err
		}
	}
	return batch.Send()
}

func (a key) compare(b key) int {
	return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.provider, b.provider), cmp.Compare(a.model, b.model))
}

// write makes the new versions of an hour's reports from what was prepared, some minutes at a time, then marks those minutes.
// Doing it twice changes nothing.
func (r *Rerate) write(ctx context.Context, run *Run, hour time.Time) error {
	rows, err := r.conn.Query(ctx, schema.SQL("rerate/minutes"), named("run", run.ID.String()), named("from", hour), named("to", hour.Add(time.Hour)))
	if err != nil {
		return fmt.Errorf("write %s: %w", hour.Format(time.RFC3339), err)
	}
	defer rows.Close()
	var minutes []time.Time
	var sizes []uint64
	for rows.Next() {
		var m time.Time
		var n uint64
		if err := rows.Scan(&m, &n); err != nil {
			return fmt.Errorf("write %s: %w", hour.Format(time.RFC3339), err)
		}
		minutes, sizes = append(minutes, m.UTC()), append(sizes, n)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("write %s: %w", hour.Format(time.RFC3339), err)
	}
	for i := 0; i < len(minutes); {
		j, n := i, uint64(0)
		for ; j < len(minutes) && (j == i || n+sizes[j] <= uint64(r.chunk)); j++ {
			n += sizes[j]
		}
		err := r.conn.Exec(ctx, schema.SQL("rerate/write"), named("run", run.ID.String()), named("from", minutes[i]), named("to", minutes[j-1].Add(time.Minute)))
		if err != nil {
			return fmt.Errorf("write %s: %w", minutes[i].Format(time.RFC3339), err)
		}
		i = j
	}
	if err := r.after("write", hour); err != nil || len(minutes) == 0 {
		return err
	}
	if err := r.conn.Exec(ctx, schema.SQL("rerate/mark"), named("minutes", minutes)); err != nil {
		return fmt.Errorf("mark %s: %w", hour.Format(time.RFC3339), err)
	}
	return r.after("mark", hour)
}
