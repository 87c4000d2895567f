package rollup

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tollkeeper/tollkeeper/schema"
)

// Stats say what one pass did.
type Stats struct {
	Windows int // recomputed
	Marks   int // removed
}

// bounds limit which marks a pass takes.
type bounds struct{ since, until time.Time }

// No window lies outside these. Parameters of type DateTime are sent as epoch seconds, of which the server wants ten digits.
var (
	startOfTime = time.Date(2002, 1, 1, 0, 0, 0, 0, time.UTC)
	endOfTime   = time.Date(2106, 1, 1, 0, 0, 0, 0, time.UTC)
)

// open and late split the minutes into the two lanes.
func (r *Rollup) open() bounds { return bounds{Minute.start(r.now().Add(-r.cfg.OpenFor)), endOfTime} }
func (r *Rollup) late() bounds {
	return bounds{r.sealedBefore(), Minute.start(r.now().Add(-r.cfg.OpenFor))}
}
func (r *Rollup) all() bounds { return bounds{r.sealedBefore(), endOfTime} }

// sealedBefore is the first window that may be rewritten: a whole day, so that no hour or day is half sealed. Days that were sealed stay
// so, whatever the retention is now.
func (r *Rollup) sealedBefore() time.Time {
	by := r.clockSealed()
	if sealed := time.Unix(r.sealedTo.Load(), 0).UTC(); sealed.After(by) {
		return sealed
	}
	return by
}

// pass recomputes every window of the level that has due marks within bounds, newest first, until there are none or
// stop is closed. One window's failure doesn't keep the others; all failures are returned together.
func (r *Rollup) pass(ctx context.Context, stop <-chan struct{}, level Level, in bounds) (Stats, error) {
	var stats Stats
	if err := r.loadSealed(ctx); err != nil {
		return stats, err
	}
	if sealed := r.sealedBefore(); in.since.Before(sealed) {
		in.since = sealed
	}
	for {
		windows, err := r.due(ctx, level, in)
		if err != nil {
			return stats, err
		}
		done, whole, err := r.recomputeAll(ctx, stop, windows, r.together(level))
		stats.Windows += done.Windows
		stats.Marks += done.Marks
		if !whole || err != nil || len(windows) < r.cfg.Batch {
			return stats, err
		}
	}
}

// atOnce is how many windows of a pass are recomputed at the same time: a window is half a dozen statements one after the
// other, most of whose time is waiting for the disk.
const atOnce = 4

// together is atOnce, but for spend by dimension, whose windows are large and which is paced.
func (r *Rollup) together(level Level) int {
	if level == HourBy || level == DayBy || r.interrupt != nil {
		return 1
	}
	return atOnce
}

// recomputeAll recomputes windows, n at once, and begins them in order. It stops early, not whole, when stop is closed, and
// when it is the server that is in trouble.
func (r *Rollup) recomputeAll(ctx context.Context, stop <-chan struct{}, windows []window, n int) (stats Stats, whole bool, err error) {
	var mu sync.Mutex // of stats and errs
	var errs []error
	one := func(w window, late bool) {
		done, err := false, error(nil)
		if late {
			done, err = r.doneByOthers(ctx, w)
		}
		if !done && err == nil {
			err = r.recomputeSafely(ctx, w)
		}
		mu.Lock()
		defer mu.Unlock()
		if done {
			return
		}
		if err != nil {
			r.metrics.windowFailures.WithLabelValues(string(w.level)).Inc()
			errs = append(errs, err)
			return
		}
		r.metrics.windows.WithLabelValues(string(w.level)).Inc()
		stats.Windows++
		stats.Marks += len(w.marks)
	}
	var working sync.WaitGroup
	slots := make(chan struct{}, n)
	whole = true
	for i, w := range windows {
		slots <- struct{}{}
		mu.Lock()
		whole = len(errs) == 0 || ctx.Err() == nil && len(errs) < maxFailures
		mu.Unlock()
		select {
		case <-stop:
			whole = false
		default:
		}
		if !whole {
			break
		}
		working.Go(func() {
			defer func() { <-slots }()
			one(w, i >= n)
		})
	}
	working.Wait()
	return stats, whole, errors.Join(errs...)
}

// doneByOthers looks again whether a window that had to wait for its turn has marks: two workers take them up in the same
// order, and one that is done with a window spares the other the work.
func (r *Rollup) doneByOthers(ctx context.Context, w window) (bool, error) {
	var marked bool
	if err := r.conn.QueryRow(ctx, schema.SQL("rollup/still_marked"), named("level", string(w.level)), named("window", w.start)).Scan(&marked); err != nil {
		return false, fmt.Errorf("roll up %s %s: look at its marks again: %w", w.level, w.start.Format(time.RFC3339), err)
	}
	return !marked, nil
}

// recomputeSafely makes a panic an error: one window's must not end the process.
func (r *Rollup) recomputeSafely(ctx context.Context, w window) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("roll up %s %s: panic: %v\n%s", w.level, w.start.Format(time.RFC3339), p, debug.Stack())
		}
	}()
	return r.recompute(ctx, w)
}

// maxFailures ends a pass early: then it is the server that is in trouble, not a window.
const maxFailures = 5

// due reads the marks that are due, by window.
func (r *Rollup) due(ctx context.Context, level Level, in bounds) ([]window, error) {
	rows, err := r.conn.Query(ctx, schema.SQL("rollup/due"), named("level", string(level)), named("since", in.since),
		named("until", in.until), named("limit", uint32(r.cfg.Batch)))
	if err != nil {
		return nil, fmt.Errorf("read marks of level %s: %w", level, err)
	}
	defer rows.Close()
	var out []window
	for rows.Next() {
		w := window{level: level}
		if err := rows.Scan(&w.start, &w.marks); err != nil {
			return nil, fmt.Errorf("read marks of level %s: %w", level, err)
		}
		w.start = w.start.UTC()
		out = append(out, w)
	}
	return out, rows.Err()
}
