package rollup

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tollkeeper/tollkeeper/schema"
)

// adjust books what came into windows that are never rewritten (DESIGN D5, docs/adr/0006-closing.md): first it turns marks of
// such windows into marks of their hours, then it writes the adjustments of every marked hour whole.
func (r *Rollup) adjust(ctx context.Context, stop <-chan struct{}) (Stats, error) {
	var stats Stats
	if err := r.loadSealed(ctx); err != nil {
		return stats, err
	}
	if err := r.redirect(ctx); err != nil {
		return stats, err
	}
	rows, err := r.conn.Query(ctx, schema.SQL("books/due"), named("since", r.expiredBefore()), named("limit", uint32(r.cfg.Batch)))
	if err != nil {
		return stats, fmt.Errorf("read the hours to adjust: %w", err)
	}
	defer rows.Close()
	var hours []window
	for rows.Next() {
		w := window{level: adjustLevel}
		if err := rows.Scan(&w.start, &w.marks); err != nil {
			return stats, fmt.Errorf("read the hours to adjust: %w", err)
		}
		w.start = w.start.UTC()
		hours = append(hours, w)
	}
	if err := rows.Err(); err != nil {
		return stats, fmt.Errorf("read the hours to adjust: %w", err)
	}
	var errs []error
	held := 0
	for _, w := range hours {
		select {
		case <-stop:
			return stats, errors.Join(errs...)
		default:
		}
		err := r.adjustHour(ctx, w)
		if errors.Is(err, errMissing) {
			held++
			continue
		}
		if err != nil {
			if errs = append(errs, err); len(errs) >= maxFailures || ctx.Err() != nil {
				break
			}
			continue
		}
		stats.Windows++
		stats.Marks += len(w.marks)
	}
	r.metrics.held.WithLabelValues(string(adjustLevel)).Set(float64(held))
	return stats, errors.Join(errs...)
}

// adjustLevel names hours of adjustments in errors and to tests; it isn't one of Levels.
const adjustLevel Level = "adjust"

// expiredBefore is the first window whose raw rows are surely all there: rows live two days longer than windows are open.
func (r *Rollup) expiredBefore() time.Time {
	if r.cfg.SealedAfter == 0 {
		return startOfTime
	}
	return r.now().Add(-r.cfg.SealedAfter - 47*time.Hour).Truncate(time.Second) // a parameter of seconds
}

// redirect takes marks of windows that are never rewritten. A minute's reports are settled first, as ever. Days and spend by
// dimension follow from hours and stay as they are.
func (r *Rollup) redirect(ctx context.Context) error {
	rows, err := r.conn.Query(ctx, schema.SQL("books/redirected"), named("since", r.expiredBefore()), named("sealed", r.sealedBefore()),
		named("limit", uint32(r.cfg.Batch)))
	if err != nil {
		return fmt.Errorf("read marks of closed windows: %w", err)
	}
	defer rows.Close()
	var found []window
	for rows.Next() {
		var w window
		var level string
		if err := rows.Scan(&level, &w.start, &w.marks); err != nil {
			return fmt.Errorf("read marks of closed windows: %w", err)
		}
		w.level, w.start = Level(level), w.start.UTC()
		found = append(found, w)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read marks of closed windows: %w", err)
	}
	for _, w := range found {
		steps := []bookStep{{afterSettle, func() error { return r.settle(ctx, w) }}}
		if w.level == Minute || w.level == Hour {
			steps = append(steps, bookStep{afterMarked, func() error { return r.conn.Exec(ctx, schema.SQL("books/mark"), named("window", Hour.start(w.start))) }})
		}
		steps = append(steps, bookStep{afterDropped, func() error { return r.tombstones(ctx, "books/drop_marks", w) }})
		if err := r.steps(w, steps); err != nil {
			return fmt.Errorf("adjust %s %s: %w", w.level, w.start.Format(time.RFC3339), err)
		}
	}
	r.touch(spanOf(found))
	return nil
}

// The steps of adjusting, in order, beside those of recompute.
const (
	afterMarked  = "mark for adjustment"
	afterDropped = "drop marks"
	afterLook    = "look at the periods"
	afterParent  = "mark parent"
)

type bookStep struct {
	name string
	do   func() error
}

func (r *Rollup) steps(w window, steps []bookStep) error {
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if r.interrupt != nil {
			if err := r.interrupt(w, s.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// adjustHour writes an hour's adjustments under a claimed revision. It may stop anywhere: the marks are still there then. The
// periods are looked at after the highest claim: a month that is closed later freezes with a higher one. The marks stay if
// a month was closed or reopened meanwhile.
func (r *Rollup) adjustHour(ctx context.Context, w window) error {
	var rev revision
	var p periods
	err := r.steps(w, []bookStep{
		{afterMarks, func() error { return nil }},
		{afterSeen, func() error {
			var highest, committed uint64
			err := r.conn.QueryRow(ctx, schema.SQL("books/highest_claim"), named("window", w.start)).Scan(&highest, &committed)
			if err == nil && highest/firstFrozen > committed/firstFrozen {
				return errClosing
			}
			rev = revision{n: highest + 1, worker: rand.Uint64()}
			return err
		}},
		{afterLook, func() (err error) {
			if p, err = r.periods(ctx); err != nil || !r.frozen(w.start, p) {
				return err
			}
			return r.missing(ctx, w.start)
		}},
		{afterClaim, func() error { return r.conn.Exec(ctx, schema.SQL("books/claim"), rev.of(w)...) }},
		{afterWrite, func() error { return r.writeAdjustments(ctx, w, rev, p) }},
		{afterCommit, func() error { return r.conn.Exec(ctx, schema.SQL("books/commit"), rev.of(w)...) }},
		{afterParent, func() error {
			if r.frozen(w.start, p) {
				return nil
			}
			return r.conn.Exec(ctx, schema.SQL("books/mark_minutes"), named("window", w.start), named("until", w.start.Add(time.Hour)))
		}},
		{afterRemove, func() error {
			return r.tombstones(ctx, "books/remove_marks", w, named("changes", p.changes), named("n", rev.n))
		}},
	})
	if errors.Is(err, errClosing) {
		return nil
	}
	if err != nil && !errors.Is(err, errMissing) {
		return fmt.Errorf("adjust hour %s: %w", w.start.Format(time.RFC3339), err)
	}
	return err
}

// errMissing: rows of an hour were there once and are gone: a part was dropped, or a backup lacks them. What is left says nothing of
// the hour, so nothing is booked and the marks stay until the rows are back.
var errMissing = errors.New("rows of calls are missing")

func (r *Rollup) missing(ctx context.Context, hour time.Time) error {
	rows, err := r.conn.Query(ctx, schema.SQL("seal/missing"), named("from", hour), named("to", hour.Add(time.Hour)))
	if err != nil {
		return fmt.Errorf("look for missing rows: %w", err)
	}
	defer rows.Close()
	if !rows.Next() {
		return rows.Err()
	}
	var tenant string
	var booked, reports int64
	if err := rows.Scan(&tenant, &booked, &reports); err != nil {
		return fmt.Errorf("look for missing rows: %w", err)
	}
	r.mu.Lock()
	told := r.told[hour]
	r.told[hour] = true
	r.mu.Unlock()
	if !told {
		r.log.Error("rows of calls are missing: what came late for this hour isn't booked until they are back", "hour", hour, "tenant", tenant,
			"calls_in_the_books", booked, "reports", reports)
	}
	return errMissing
}

// errClosing: a month is being closed, and the hour's frozen revision is claimed and not committed yet. What would be kept now may
// not be what the month is closed with, so the marks stay (closing_model_test.go).
var errClosing = errors.New("a month is being closed")

func (rev revision) of(w window) []any {
	return []any{named("window", w.start), named("n", rev.n), named("worker", rev.worker)}
}

func (r *Rollup) frozen(hour time.Time, p periods) bool {
	return p.closed[monthOf(hour)] || hour.Before(r.sealedBefore())
}

func (r *Rollup) writeAdjustments(ctx context.Context, w window, rev revision, p periods) error {
	booked := monthOf(w.start)
	for p.closed[booked] {
		booked = booked.AddDate(0, 1, 0)
	}
	frozen := uint8(0)
	if r.frozen(w.start, p) {
		frozen = 1
	}
	closed := make([]string, 0, len(p.closed))
	for m := range p.closed {
		closed = append(closed, m.Format(time.DateOnly))
	}
	return r.conn.Exec(ctx, schema.SQL("books/write"), append(rev.of(w), named("until", w.start.Add(time.Hour)), named("frozen", frozen),
		named("booked", booked.Format(time.DateOnly)), named("closed", closed))...)
}

// periods is which months are closed, after how many changes.
type periods struct {
	changes uint64
	closed  map[time.Time]bool
}

func (r *Rollup) periods(ctx context.Context) (periods, error) {
	var months []time.Time
	p := periods{closed: map[time.Time]bool{}}
	if err := r.conn.QueryRow(ctx, schema.SQL("books/closed")).Scan(&p.changes, &months); err != nil {
		return p, fmt.Errorf("read the periods: %w", err)
	}
	for _, m := range months {
		p.closed[m.UTC()] = true
	}
	return p, nil
}

func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}
