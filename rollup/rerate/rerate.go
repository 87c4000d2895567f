package rerate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Deps are what a re-rate works with.
type Deps struct {
	ClickHouse   driver.Conn // the caller closes it
	Book         *pricing.Book
	Rules        *genai.Rules
	Trusted      []string // emitters whose own cost bills what the book can't price, as the collector has them
	SealedBefore time.Time
	Progress     func(Progress) // may be nil
}

// Rerate rates calls again.
type Rerate struct {
	conn         driver.Conn
	book         *pricing.Book
	rules        *genai.Rules
	trusted      map[string]bool
	sealedBefore time.Time
	progress     func(Progress)
	chunk        int // reports that are written by one statement

	interrupt func(step string, hour time.Time) error // tests stop a run after a step
}

// New returns one; it doesn't touch the database.
func New(d Deps) *Rerate {
	r := &Rerate{conn: d.ClickHouse, book: d.Book, rules: d.Rules, trusted: map[string]bool{}, sealedBefore: d.SealedBefore, progress: d.Progress, chunk: 100_000}
	for _, t := range d.Trusted {
		r.trusted[t] = true
	}
	if r.progress == nil {
		r.progress = func(Progress) {}
	}
	return r
}

func named(name string, value any) any { return clickhouse.Named(name, value) }

// args select the scope's tenant and model.
func (s Scope) args() []any {
	if s.Tenant == nil {
		return []any{named("every", 1), named("tenant", ""), named("model", s.Model)}
	}
	return []any{named("every", 0), named("tenant", *s.Tenant), named("model", s.Model)}
}

func (r *Rerate) after(step string, hour time.Time) error {
	if r.interrupt == nil {
		return nil
	}
	return r.interrupt(step, hour)
}

// Dry says what a run would do, and does nothing.
func (r *Rerate) Dry(ctx context.Context, s Scope) (*Result, error) {
	if err := s.Validate(r.sealedBefore); err != nil {
		return nil, err
	}
	hours, err := r.hours(ctx, s)
	if err != nil {
		return nil, err
	}
	res := &Result{Hours: len(hours)}
	type monthly struct {
		month time.Time
		key
	}
	found := map[monthly]*Change{}
	var changed uint64
	for i, hour := range hours {
		h, err := r.read(ctx, s, hour, 0, func(_, _ *report) error { return nil })
		if err != nil {
			return nil, err
		}
		for k, c := range h.keys {
			m := monthly{monthOf(hour), k}
			if found[m] == nil {
				found[m] = &Change{Month: m.month, Tenant: k.tenant, Provider: k.provider, Model: k.model}
			}
			found[m].add(c)
		}
		res.Calls, res.Left, changed = res.Calls+h.calls, res.Left+h.left, changed+h.changed
		r.progress(Progress{hour, i + 1, len(hours), res.Calls, changed})
	}
	for _, c := range found {
		res.Changes = append(res.Changes, *c)
	}
	return res, r.closed(ctx, res)
}

func (c *Change) add(o *Change) {
	c.Calls, c.Changed, c.Unpriced = c.Calls+o.Calls, c.Changed+o.Changed, c.Unpriced+o.Unpriced
	c.Before, c.After = c.Before.Add(o.Before), c.After.Add(o.After)
}

func monthOf(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC) }

// closed sorts the changes and says which are of closed months.
func (r *Rerate) closed(ctx context.Context, res *Result) error {
	slices.SortFunc(res.Changes, func(a, b Change) int {
		return cmp.Or(a.Month.Compare(b.Month), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Model, b.Model))
	})
	rows, err := r.conn.Query(ctx, schema.SQL("rerate/months"))
	if err != nil {
		return fmt.Errorf("read the closed months: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var month time.Time
		if err := rows.Scan(&month); err != nil {
			return fmt.Errorf("read the closed months: %w", err)
		}
		for i := range res.Changes {
			res.Changes[i].Closed = res.Changes[i].Closed || res.Changes[i].Month.Equal(month)
		}
	}
	return rows.Err()
}

// Start does it. One run is at work at a time: an unfinished one is to be resumed or abandoned first.
func (r *Rerate) Start(ctx context.Context, q Request) (*Result, error) {
	errs := []error{q.Validate(r.sealedBefore)}
	if q.Author == "" {
		errs = append(errs, errors.New("--author is missing: say who does it"))
	}
	if q.Reason == "" {
		errs = append(errs, errors.New("--reason is missing: say why, it is kept with the re-rate and its adjustments"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	run, err := r.claim(ctx, q)
	if err != nil {
		return nil, err
	}
	return r.work(ctx, run)
}

// Resume goes on with the run that was stopped, by the same book.
func (r *Rerate) Resume(ctx context.Context) (*Result, error) {
	run, err := r.unfinished(ctx)
	if err != nil {
		return nil, err
	}
	if run.Book != r.book.Version() || run.Reread && run.Rules != r.rules.Version() {
		return nil, fmt.Errorf("%w: it rates by price book %s, the present one is %s: resume it with the price files and the program that it was started with, or abandon it",
			ErrBook, run.Book, r.book.Version())
	}
	return r.work(ctx, run)
}

// Abandon ends the run that was stopped. The hours that it passed stay re-rated; the one that it was at is finished.
func (r *Rerate) Abandon(ctx context.Context) (*Run, error) {
	run, err := r.unfinished(ctx)
	if err != nil {
		return nil, err
	}
	prepared, written, err := r.steps(ctx, run)
	if err != nil {
		return nil, err
	}
	for hour := range prepared {
		if written[hour] {
			continue
		}
		if err := r.finishHour(ctx, run, hour); err != nil {
			return nil, err
		}
	}
	if err := r.end(ctx, run, Abandoned); err != nil {
		return nil, err
	}
	return r.find(ctx, run.ID)
}

// work passes every hour that isn't done.
func (r *Rerate) work(ctx context.Context, run *Run) (*Result, error) {
	hours, err := r.hours(ctx, run.scope())
	if err != nil {
		return nil, err
	}
	res := &Result{Hours: len(hours)}
	prepared, written, err := r.steps(ctx, run)
	if err != nil {
		return nil, err
	}
	var changed uint64
	for i, hour := range hours {
		if written[hour] {
			continue
		}
		if !prepared[hour] {
			h, err := r.prepare(ctx, run, hour)
			switch {
			case errors.Is(err, errWritten): // by another process that is at the same run
				if prepared, written, err = r.steps(ctx, run); err != nil {
					return nil, err
				}
				if !prepared[hour] {
					return nil, fmt.Errorf("re-rate %d: %s holds reports of this run or of a later one, and nothing says who wrote them: tell us, and abandon the run", run.Number, hour.Format(time.RFC3339))
				}
				if written[hour] {
					continue
				}
			case err != nil:
				return nil, err
			default:
				res.Calls, res.Left, changed = res.Calls+h.calls, res.Left+h.left, changed+h.changed
				if err := r.step(ctx, run, "prepared", hour); err != nil {
					return nil, err
				}
			}
		}
		if err := r.finishHour(ctx, run, hour); err != nil {
			return nil, err
		}
		r.progress(Progress{hour, i + 1, len(hours), res.Calls, changed})
	}
	if err := r.end(ctx, run, Finished); err != nil {
		return nil, err
	}
	if res.Changes, err = r.changes(ctx, run.ID); err != nil {
		return nil, err
	}
	if res.Run, err = r.find(ctx, run.ID); err != nil {
		return nil, err
	}
	return res, r.closed(ctx, res)
}

// finishHour writes what was prepared for an hour.
func (r *Rerate) finishHour(ctx context.Context, run *Run, hour time.Time) error {
	if err := r.write(ctx, run, hour); err != nil {
		return err
	}
	return r.step(ctx, run, "written", hour)
}

// end closes the run's trail and removes its intents, which are done.
func (r *Rerate) end(ctx context.Context, run *Run, how State) error {
	if err := r.step(ctx, run, string(how), run.From); err != nil {
		return err
	}
	if err := r.conn.Exec(ctx, schema.SQL("rerate/clean"), named("run", run.ID.String())); err != nil {
		return fmt.Errorf("re-rate %d: remove its intents: %w", run.Number, err)
	}
	return r.after("clean", time.Time{})
}

func (r *Rerate) step(ctx context.Context, run *Run, step string, hour time.Time) error {
	err := r.conn.Exec(ctx, schema.SQL("rerate/step"), named("id", run.ID.String()), named("step", step), named("number", run.Number), named("hour", hour))
	if err != nil {
		return fmt.Errorf("re-rate %d: note that %s is %s: %w", run.Number, hour.Format(time.RFC3339), step, err)
	}
	return r.after(step, hour)
}

// claim starts a run under a number of its own, if no other is at work. Of two that start at once neither goes on: each has
// written before it looks, so at least one of them sees the other.
func (r *Rerate) claim(ctx context.Context, q Request) (*Run, error) {
	if other, err := r.unfinished(ctx); err == nil {
		return nil, fmt.Errorf("%w: number %d of %s by %s (%s): resume or abandon it first: tollkeeper rerate resume, tollkeeper rerate abandon",
			ErrUnfinished, other.Number, other.At.Format(time.RFC3339), other.Author, other.Reason)
	} else if !errors.Is(err, ErrNothing) {
		return nil, err
	}
	hours, err := r.hours(ctx, q.Scope)
	if err != nil {
		return nil, err
	}
	run := &Run{ID: uuid.New(), State: Started, From: q.From, To: q.To, Tenant: q.Tenant, Model: q.Model, Reread: q.Reread, Book: r.book.Version(), Author: q.Author, Reason: q.Reason}
	if run.Number, err = r.nextNumber(ctx); err != nil {
		return nil, err
	}
	if q.Reread {
		run.Rules = r.rules.Version()
	}
	if err := r.put(ctx, run, len(hours)); err != nil {
		return nil, err
	}
	all, err := r.Runs(ctx)
	if err != nil {
		return nil, err
	}
	for _, other := range all {
		if other.ID != run.ID && (other.State == Started || other.Number == run.Number) {
			if err := r.step(ctx, run, "withdrawn", run.From); err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("%w: %s by %s was started at the same time: try again", ErrUnfinished, other.ID, other.Author)
		}
	}
	return run, r.after("started", time.Time{})
}

// Changes are what a run changed so far.
func (r *Rerate) Changes(ctx context.Context, id uuid.UUID) ([]Change, error) {
	res := &Result{}
	var err error
	if res.Changes, err = r.changes(ctx, id); err != nil {
		return nil, err
	}
	return res.Changes, r.closed(ctx, res)
}

func (r *Rerate) unfinished(ctx context.Context) (*Run, error) {
	all, err := r.Runs(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].State == Started {
			return &all[i], nil
		}
	}
	return nil, ErrNothing
}

func (r *Rerate) find(ctx context.Context, id uuid.UUID) (*Run, error) {
	all, err := r.Runs(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].ID == id {
			return &all[i], nil
		}
	}
	return nil, fmt.Errorf("re-rate %s is not there", id)
}
