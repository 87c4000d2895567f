package rollup

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

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
	afterRemove = "remove marks" // and mark the parents
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
// all of them by one statement; their settlement is a statement each, and so are their totals unless they are small, n at once. A window that
// fails in those keeps no other. It may fail or be killed anywhere: the marks are still there then, and the next attempt has a higher claim. Why this order, and
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
	for _, s := range p.steps(ctx) {
		now := goOn(all)
		if len(now) == 0 {
			return all
		}
		if err := safely(func() error { return s.do(now) }); err != nil {
			p.failAll(now, s.name, err)
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

// recomputeStep is one of windows that go side by side. An error is of all of them.
type recomputeStep struct {
	name string
	do   func([]*attempt) error
}

// steps are those of recompute, in order. Settling and claiming go side by side, either may be done first (settle/model_beside_test.go);
// in a worker that a test stops one comes after the other.
func (p *pass) steps(ctx context.Context) []recomputeStep {
	r := p.r
	settle := recomputeStep{afterSettle, func(now []*attempt) error {
		p.each(ctx, now, afterSettle, func(a *attempt) error { return r.settle(ctx, a.window) })
		return nil
	}}
	claim := []recomputeStep{
		{afterSeen, func(now []*attempt) error { return r.nextRevisions(ctx, now) }},
		{afterClaim, func(now []*attempt) error { return r.claim(ctx, now) }},
	}
	steps := []recomputeStep{{afterMarks, func([]*attempt) error { return nil }}}
	switch {
	case r.interrupt == nil:
		steps = append(steps, recomputeStep{afterSettle, func(now []*attempt) error { return p.beside(now, settle, claim) }})
	case r.claimFirst:
		steps = append(append(steps, claim...), settle)
	default:
		steps = append(append(steps, settle), claim...)
	}
	return append(steps,
		recomputeStep{afterWrite, func(now []*attempt) error {
			p.write(ctx, now)
			return nil
		}},
		recomputeStep{afterCommit, func(now []*attempt) error { return r.commit(ctx, now) }},
		recomputeStep{afterRemove, func(now []*attempt) error { return r.removeMarks(ctx, now) }})
}

// beside takes a step that windows may fail in by themselves beside some of all of them.
func (p *pass) beside(now []*attempt, own recomputeStep, all []recomputeStep) error {
	apart := make([]attempt, len(now))
	for i, a := range now {
		apart[i].window = a.window
	}
	var err error
	var step string
	var working sync.WaitGroup
	working.Go(func() {
		for _, s := range all {
			on := goOn(apart)
			if len(on) == 0 || err != nil {
				return
			}
			step, err = s.name, safely(func() error { return s.do(on) })
		}
	})
	ownErr := safely(func() error { return own.do(now) })
	working.Wait()
	now = slices.DeleteFunc(slices.Clone(now), func(a *attempt) bool { return a.err != nil || a.left })
	for _, a := range now {
		i := slices.IndexFunc(apart, func(b attempt) bool { return b.start.Equal(a.start) })
		a.rev, a.left = apart[i].rev, apart[i].left
	}
	if err != nil && ownErr == nil && len(now) > 0 {
		p.failAll(now, step, err)
	}
	return ownErr
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

func starts(now []*attempt) []time.Time {
	out := make([]time.Time, len(now))
	for i, a := range now {
		out[i] = a.start
	}
	return out
}

// names are the parameters that name windows of one level.
func names(now []*attempt) []any {
	return []any{named("level", string(now[0].level)), named("windows", starts(now))}
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
	highest, err := r.byWindow(ctx, "rollup/highest_claim", names(now)...)
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

// firstFrozen is the lowest revision that freezes a window; each closing takes the next multiple.
const firstFrozen = 1 << 48

func (r *Rollup) claim(ctx context.Context, now []*attempt) error {
	return r.conn.Exec(ctx, schema.SQL("rollup/claim"), revisions(now)...)
}

func (r *Rollup) commit(ctx context.Context, now []*attempt) error {
	return r.conn.Exec(ctx, schema.SQL("rollup/commit"), append(revisions(now), named("table", now[0].level.table()))...)
}

// idsPerStatement keeps a statement's parameters far below a server's limit on a URL's length (1 MiB).
const idsPerStatement = 1000

// removing are the parameters of a statement that removes marks, and writes others.
type removing struct {
	levels, ids []string
	windows     []time.Time
	dones       []uint8
	frozen      []uint64 // the claim from which on a window is frozen
}

func (m *removing) add(level Level, window time.Time, id string, done uint8, frozen uint64) {
	m.levels, m.windows, m.ids = append(m.levels, string(level)), append(m.windows, window), append(m.ids, id)
	m.dones, m.frozen = append(m.dones, done), append(m.frozen, frozen)
}

func (m *removing) args(level Level) []any {
	return []any{named("level", string(level)), named("levels", m.levels), named("windows", m.windows), named("ids", m.ids),
		named("dones", m.dones), named("frozen", m.frozen)}
}

// removeMarks removes exactly the marks that were read, and marks each window that those are parts of once: at one time with the first
// removal, so never later, as the model has it in two steps.
func (r *Rollup) removeMarks(ctx context.Context, now []*attempt) error {
	var m removing
	parents := func() {
		for _, parent := range now[0].level.parents() {
			marked := map[time.Time]bool{}
			for _, a := range now {
				if start := parent.start(a.start); !marked[start] {
					marked[start] = true
					m.add(parent, start, uuid.NewString(), 0, 0)
				}
			}
		}
	}
	first := true
	send := func() error {
		if first {
			first = false
			parents() // after the windows: see the statement
		}
		if len(m.ids) == 0 {
			return nil
		}
		err := r.conn.Exec(ctx, schema.SQL("rollup/remove_marks"), m.args(now[0].level)...)
		m = removing{}
		return err
	}
	for _, a := range now {
		for _, id := range a.marks {
			m.add(a.level, a.start, id, 1, (a.rev.n/firstFrozen+1)*firstFrozen)
			if len(m.ids) == idsPerStatement {
				if err := send(); err != nil {
					return err
				}
			}
		}
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
