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

// attempt is one at a window's new revision.
type attempt struct {
	window
	rev  revision
	err  error // it has failed
	left bool  // it hasn't failed, and isn't to go on: the window's month was closed meanwhile, or the pass is to end
}

func (a *attempt) fail(step string, err error) {
	var p *panicked
	if step != "" && !errors.As(err, &p) {
		err = fmt.Errorf("%s: %w", step, err)
	}
	a.err = fmt.Errorf("roll up %s %s: %w", a.level, a.start.Format(time.RFC3339), err)
}

// recompute makes new revisions of windows of one level, which go through the steps side by side: what is only written down is so for
// all of them by one statement, their settlement and their totals are a statement each, n at once. A window that fails in those keeps no
// other. It may fail or be killed anywhere: the marks are still there then, and the next attempt has a higher claim. Why this order, and
// what breaks with any other: model_test.go; that each window goes its own way there makes no difference to those beside it.
func (p *pass) recompute(ctx context.Context, windows []window) []attempt {
	r := p.r
	all := make([]attempt, len(windows))
	for i, w := range windows {
		all[i].window = w
		if !w.start.Equal(w.level.start(w.start)) {
			all[i].fail("", errors.New("a mark must be at the start of its window: the writer of the mark is wrong"))
		}
	}
	steps := []struct {
		name string
		each func(*attempt) error
		all  func([]*attempt) error
	}{
		{afterMarks, nil, func([]*attempt) error { return nil }},
		{afterSettle, func(a *attempt) error { return r.settle(ctx, a.window) }, nil},
		{afterSeen, nil, func(now []*attempt) error { return r.nextRevisions(ctx, now) }},
		{afterClaim, nil, func(now []*attempt) error { return r.claim(ctx, now) }},
		{afterWrite, func(a *attempt) error { return r.write(ctx, a.window, a.rev) }, nil},
		{afterCommit, nil, func(now []*attempt) error { return r.commit(ctx, now) }},
		{afterParent, nil, func(now []*attempt) error { return r.markParents(ctx, now) }},
		{afterRemove, nil, func(now []*attempt) error { return r.removeMarks(ctx, now) }},
	}
	for _, s := range steps {
		now := goOn(all)
		switch {
		case len(now) == 0:
			return all
		case s.each != nil:
			p.each(ctx, now, s.name, s.each)
		default:
			if err := safely(func() error { return s.all(now) }); err != nil {
				p.failAll(now, s.name, err)
			}
		}
		for _, a := range goOn(all) {
			if r.interrupt == nil {
				break
			}
			if err := r.interrupt(a.window, s.name); err != nil {
				a.err = err
			}
		}
	}
	return all
}

// failAll gives windows whose statement has failed one error between them.
func (p *pass) failAll(now []*attempt, step string, err error) {
	p.failed.Add(int32(len(now)))
	if len(now) == 1 {
		now[0].fail(step, err)
		return
	}
	err = fmt.Errorf("roll up %d windows of level %s, from %s back: %s: %w", len(now), now[0].level, now[0].start.Format(time.RFC3339), step, err)
	for _, a := range now {
		a.err = err
	}
}

// goOn are those that are to.
func goOn(all []attempt) (now []*attempt) {
	for i := range all {
		if a := &all[i]; a.err == nil && !a.left {
			now = append(now, a)
		}
	}
	return now
}

func (r *Rollup) settle(ctx context.Context, w window) error {
	if w.level != Minute {
		return nil
	}
	return r.settler.Settle(ctx, w.start)
}

// names are the parameters that name windows of one level.
func names(now []*attempt) []any {
	starts := make([]time.Time, len(now))
	for i, a := range now {
		starts[i] = a.start
	}
	return []any{named("level", string(now[0].level)), named("windows", starts)}
}

// revisions are those that name their revisions too.
func revisions(now []*attempt) []any {
	ns, workers := make([]uint64, len(now)), make([]uint64, len(now))
	for i, a := range now {
		ns[i], workers[i] = a.rev.n, a.rev.worker
	}
	return append(names(now), named("ns", ns), named("workers", workers))
}

func (r *Rollup) nextRevisions(ctx context.Context, now []*attempt) error {
	highest, err := r.highestClaims(ctx, now)
	if err != nil {
		return err
	}
	var books *periods
	for _, a := range now {
		claimed := highest[a.start]
		if claimed >= firstFrozen && books == nil {
			// The month was closed once, or the day sealed. If it is closed now, a claim above would melt what is frozen; a month that
			// is closed from here on freezes above this claim.
			p, err := r.periods(ctx)
			if err == nil {
				err = r.loadSealed(ctx)
			}
			if err != nil {
				return err
			}
			books = &p
		}
		if claimed >= firstFrozen && (books.closed[monthOf(a.start)] || a.start.Before(r.sealedBefore())) {
			a.left = true // its marks stay and become adjustments
		}
		a.rev = revision{n: claimed + 1, worker: rand.Uint64()}
	}
	return nil
}

func (r *Rollup) highestClaims(ctx context.Context, now []*attempt) (map[time.Time]uint64, error) {
	rows, err := r.conn.Query(ctx, schema.SQL("rollup/highest_claim"), names(now)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[time.Time]uint64{}
	for rows.Next() {
		var start time.Time
		var n uint64
		if err := rows.Scan(&start, &n); err != nil {
			return nil, err
		}
		out[start.UTC()] = n
	}
	return out, rows.Err()
}

// firstFrozen is the lowest revision that freezes a window; each closing takes the next multiple.
const firstFrozen = 1 << 48

func (r *Rollup) claim(ctx context.Context, now []*attempt) error {
	return r.conn.Exec(ctx, schema.SQL("rollup/claim"), revisions(now)...)
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

func (r *Rollup) commit(ctx context.Context, now []*attempt) error {
	return r.conn.Exec(ctx, schema.SQL("rollup/commit"), append(revisions(now), named("table", now[0].level.table()))...)
}

// markParents marks each window that those are parts of once.
func (r *Rollup) markParents(ctx context.Context, now []*attempt) error {
	var levels []string
	var starts []time.Time
	for _, parent := range now[0].level.parents() {
		marked := map[time.Time]bool{}
		for _, a := range now {
			if start := parent.start(a.start); !marked[start] {
				marked[start] = true
				levels, starts = append(levels, string(parent)), append(starts, start)
			}
		}
	}
	if len(levels) == 0 {
		return nil
	}
	return r.conn.Exec(ctx, schema.SQL("rollup/mark"), named("levels", levels), named("windows", starts))
}

// idsPerStatement keeps a statement's parameters far below a server's limit on a URL's length (1 MiB).
const idsPerStatement = 1000

func (r *Rollup) removeMarks(ctx context.Context, now []*attempt) error {
	var ids []string
	var starts []time.Time
	var frozen []uint64
	send := func() error {
		err := r.conn.Exec(ctx, schema.SQL("rollup/remove_marks"), named("level", string(now[0].level)), named("windows", starts),
			named("ids", ids), named("frozen", frozen))
		ids, starts, frozen = nil, nil, nil
		return err
	}
	for _, a := range now {
		for _, id := range a.marks {
			ids, starts, frozen = append(ids, id), append(starts, a.start), append(frozen, (a.rev.n/firstFrozen+1)*firstFrozen)
			if len(ids) == idsPerStatement {
				if err := send(); err != nil {
					return err
				}
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return send()
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
