package rollup

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Settler decides which reports of a minute stand for a call before the minute is added up (DESIGN D4). Where a
// decision differs from the stored one it must mark the members' windows, then write the decision, then return.
type Settler interface {
	Settle(ctx context.Context, minute time.Time) error
	// LookAgain marks minutes of [from, to) whose decisions may have aged without a mark.
	LookAgain(ctx context.Context, from, to time.Time) error
}

// PassThrough settles nothing: every report counts as a call.
type PassThrough struct{}

// Settle does nothing.
func (PassThrough) Settle(context.Context, time.Time) error { return nil }

// LookAgain does nothing.
func (PassThrough) LookAgain(context.Context, time.Time, time.Time) error { return nil }

// window is one window to recompute, with the marks that ask for it.
type window struct {
	level Level
	start time.Time
	marks []string // M: ids, read before anything else
}

// revision names one attempt at a window. Readers take the committed one that is highest by (n, worker). The worker
// is drawn anew for every attempt, so no two attempts share a name.
type revision struct{ n, worker uint64 }

// The steps of recompute, in order. Reading the marks comes first, in due.
const (
	afterMarks  = "marks"
	afterSettle = "settle"
	afterSeen   = "highest claim"
	afterClaim  = "claim"
	afterWrite  = "write"
	afterCommit = "commit"
	afterParent = "mark parent"
	afterRemove = "remove marks"
)

// recompute makes one window's new revision. It may fail or be killed anywhere: the marks are still there then, and
// the next attempt has a higher claim. Why this order, and what breaks with any other: model_test.go.
func (r *Rollup) recompute(ctx context.Context, w window) error {
	if !w.start.Equal(w.level.start(w.start)) {
		return fmt.Errorf("roll up %s %s: a mark must be at the start of its window: the writer of the mark is wrong", w.level, w.start.Format(time.RFC3339))
	}
	var rev revision
	steps := []struct {
		name string
		do   func() error
	}{
		{afterMarks, func() error { return nil }},
		{afterSettle, func() error { return r.settle(ctx, w) }},
		{afterSeen, func() (err error) { rev, err = r.nextRevision(ctx, w); return err }},
		{afterClaim, func() error { return r.claim(ctx, w, rev) }},
		{afterWrite, func() error { return r.write(ctx, w, rev) }},
		{afterCommit, func() error { return r.commit(ctx, w, rev) }},
		{afterParent, func() error { return r.markParent(ctx, w) }},
		{afterRemove, func() error { return r.removeMarks(ctx, w, rev) }},
	}
	for _, s := range steps {
		if err := s.do(); errors.Is(err, errClosed) {
			return nil
		} else if err != nil {
			return fmt.Errorf("roll up %s %s: %s: %w", w.level, w.start.Format(time.RFC3339), s.name, err)
		}
		if r.interrupt != nil {
			if err := r.interrupt(w, s.name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Rollup) settle(ctx context.Context, w window) error {
	if w.level != Minute {
		return nil
	}
	return r.settler.Settle(ctx, w.start)
}

func (r *Rollup) nextRevision(ctx context.Context, w window) (revision, error) {
	var highest uint64
	err := r.conn.QueryRow(ctx, schema.SQL("rollup/highest_claim"), named("level", string(w.level)), named("window", w.start)).Scan(&highest)
	if err == nil && highest >= firstFrozen {
		// The month was closed once, or the day sealed. If it is closed now, a claim above would melt what is frozen; a month that
		// is closed from here on freezes above this claim.
		p, err := r.periods(ctx)
		if err == nil {
			err = r.loadSealed(ctx)
		}
		if err != nil {
			return revision{}, err
		}
		if p.closed[monthOf(w.start)] || w.start.Before(r.sealedBefore()) {
			return revision{}, errClosed
		}
	}
	return revision{n: highest + 1, worker: rand.Uint64()}, err
}

// firstFrozen is the lowest revision that freezes a window; each closing takes the next multiple.
const firstFrozen = 1 << 48

// errClosed: the month was closed or the day sealed since the marks were read. They stay and become adjustments.
var errClosed = errors.New("the month is closed or the day sealed")

func (r *Rollup) claim(ctx context.Context, w window, rev revision) error {
	return r.conn.Exec(ctx, schema.SQL("rollup/claim"),
		named("level", string(w.level)), named("window", w.start), named("n", rev.n), named("worker", rev.worker))
}

// write reads what the window is made of and writes it, in one statement and as one part.
func (r *Rollup) write(ctx context.Context, w window, rev revision) error {
	args := []any{named("from", w.start), named("to", w.start.Add(w.level.length())), named("n", rev.n), named("worker", rev.worker)}
	switch w.level {
	case Minute:
		args = append(args, flagMasks()...)
	case HourBy:
		args = append(args, named("billed_otherwise", uint32(ledger.FlagProvided|ledger.FlagReserved)))
	case DayBy:
		args = append(args, named("top", uint64(TopValues)))
	}
	return r.conn.Exec(ctx, schema.SQL("rollup/"+string(w.level)), args...)
}

// TopValues is how many values of a dimension a tenant's day keeps apart; the rest is one row.
const TopValues = 1000

// flagMasks are the bits of ledger.Flags that a minute counts calls by.
func flagMasks() []any {
	mask := func(name string, f ledger.Flags) any { return named(name, uint32(f)) }
	return []any{
		mask("rate_limited", ledger.FlagRateLimited),
		mask("billed_otherwise", ledger.FlagProvided|ledger.FlagReserved),
		mask("doubt", ledger.FlagsDoubt),
		mask("estimated", ledger.FlagsInexact),
		mask("provided", ledger.FlagProvided),
		mask("reserved", ledger.FlagReserved),
		mask("stream", ledger.FlagStream),
	}
}

func (r *Rollup) commit(ctx context.Context, w window, rev revision) error {
	return r.conn.Exec(ctx, schema.SQL("rollup/commit"), named("table", w.level.table()),
		named("level", string(w.level)), named("window", w.start), named("n", rev.n), named("worker", rev.worker))
}

func (r *Rollup) markParent(ctx context.Context, w window) error {
	for _, parent := range w.level.parents() {
		if err := r.conn.Exec(ctx, schema.SQL("rollup/mark"), named("level", string(parent)), named("window", parent.start(w.start))); err != nil {
			return err
		}
	}
	return nil
}

// idsPerStatement keeps a statement's parameters far below a server's limit on a URL's length (1 MiB).
const idsPerStatement = 1000

func (r *Rollup) removeMarks(ctx context.Context, w window, rev revision) error {
	return r.tombstones(ctx, "rollup/remove_marks", w, named("frozen", (rev.n/firstFrozen+1)*firstFrozen))
}

// tombstones removes exactly the window's marks that were read.
func (r *Rollup) tombstones(ctx context.Context, query string, w window, more ...any) error {
	for ids := w.marks; len(ids) > 0; {
		n := min(len(ids), idsPerStatement)
		args := append([]any{named("window", w.start), named("ids", ids[:n])}, more...)
		if w.level != adjustLevel {
			args = append(args, named("level", string(w.level)))
		}
		if err := r.conn.Exec(ctx, schema.SQL(query), args...); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

func named(name string, value any) any { return clickhouse.Named(name, value) }
