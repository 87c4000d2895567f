package rollup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
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
	p := pass{r: r, stop: stop, atOnce: r.together(level), side: r.sideBySide()}
	var sealedErr error
	load := func() { sealedErr = r.loadSealed(ctx) }
	var reading sync.WaitGroup
	busy := r.wasBusy(level)
	if busy { // there will be windows again
		reading.Go(load)
	}
	for first := true; ; first = false {
		windows, err := r.due(ctx, level, in)
		found := len(windows)
		if first { // the two are read side by side, unless there was nothing to do before: nothing is begun before both are there
			reading.Wait()
			r.noteBusy(level, found > 0)
			if !busy && found > 0 {
				load()
			}
			if err := cmp.Or(sealedErr, err); err != nil {
				return p.stats, err
			}
			if sealed := r.sealedBefore(); in.since.Before(sealed) {
				in.since = sealed
				windows = slices.DeleteFunc(windows, func(w window) bool { return w.start.Before(sealed) })
			}
		}
		if err != nil {
			return p.stats, err
		}
		whole := p.recomputeAll(ctx, windows)
		r.touch(spanOf(windows))
		if !whole || len(p.errs) > 0 || found < r.cfg.Batch {
			return p.stats, errors.Join(p.errs...)
		}
	}
}

// wasBusy reports whether the level's last pass found windows, or there was none yet.
func (r *Rollup) wasBusy(level Level) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.idle[level]
}

func (r *Rollup) noteBusy(level Level, busy bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle[level] = !busy
}

// pass is the state of one.
type pass struct {
	r      *Rollup
	stop   <-chan struct{}
	atOnce int // statements of windows
	side   int // windows go through the steps side by side

	stats  Stats
	errs   []error
	failed atomic.Int32 // windows
}

// atOnce is how many windows of a pass are settled and added up at the same time.
const atOnce = 4

// sideBySide is how many windows share the statements that only write down what was done: five a window, each a part that the disk is
// waited for. More would save little, and what a stop in the middle throws away would grow.
const sideBySide = 16

// together is atOnce, but for spend by dimension, whose windows are large and which is paced.
func (r *Rollup) together(level Level) int {
	if level == HourBy || level == DayBy || r.interrupt != nil {
		return 1
	}
	return atOnce
}

// sideBySide is one for a worker that a test stops, unless the test says otherwise.
func (r *Rollup) sideBySide() int {
	switch {
	case r.side > 0:
		return r.side
	case r.interrupt != nil:
		return 1
	}
	return sideBySide
}

// ends reports whether no more windows are to be begun: by stop, or because it is the server that is in trouble.
func (p *pass) ends(ctx context.Context) bool {
	select {
	case <-p.stop:
		return true
	default:
	}
	failed := p.failed.Load()
	return failed > 0 && (ctx.Err() != nil || failed >= maxFailures)
}

// recomputeAll recomputes windows in order, some side by side. It ends early, and says that it isn't whole, when no more are to be begun.
func (p *pass) recomputeAll(ctx context.Context, windows []window) (whole bool) {
	for first := true; len(windows) > 0; first = false {
		if p.ends(ctx) {
			return false
		}
		now := windows[:min(p.side, len(windows))]
		windows = windows[len(now):]
		var err error
		if !first {
			now, err = p.r.stillMarked(ctx, now)
		}
		if err != nil {
			p.failed.Add(1)
			p.errs = append(p.errs, err)
			continue
		}
		whole = true
		for _, a := range p.recompute(ctx, now) {
			whole = p.took(&a) && whole
		}
		if !whole {
			return false
		}
	}
	return true
}

// took counts an attempt. It is false for one that was left because the pass is to end.
func (p *pass) took(a *attempt) bool {
	level := string(a.level)
	switch {
	case a.err != nil:
		p.r.metrics.windowFailures.WithLabelValues(level).Inc()
		if n := len(p.errs); n == 0 || p.errs[n-1] != a.err { // windows that failed together have one error
			p.errs = append(p.errs, a.err)
		}
	case a.left && a.rev == revision{}:
		return false
	default:
		p.r.metrics.windows.WithLabelValues(level).Inc()
		p.stats.Windows++
		p.stats.Marks += len(a.marks)
	}
	return true
}

// each takes a step of each window that has one of its own, begun in order; those that aren't begun when the pass is to end are left.
func (p *pass) each(ctx context.Context, now []*attempt, step string, do func(*attempt) error) {
	var working sync.WaitGroup
	slots := make(chan struct{}, p.atOnce)
	for _, a := range now {
		slots <- struct{}{}
		if p.ends(ctx) {
			a.left, a.rev = true, revision{}
			<-slots
			continue
		}
		working.Go(func() {
			defer func() { <-slots }()
			if err := safely(func() error { return do(a) }); err != nil {
				a.fail(step, err)
				p.failed.Add(1)
			}
		})
	}
	working.Wait()
}

// stillMarked looks again which of some windows that had to wait for their turn have marks: two workers take them up in the same
// order, and one that is done with a window spares the other the work.
func (r *Rollup) stillMarked(ctx context.Context, windows []window) ([]window, error) {
	starts := make([]time.Time, len(windows))
	for i, w := range windows {
		starts[i] = w.start
	}
	wrap := func(err error) error {
		return fmt.Errorf("look again at the marks of %d windows of level %s: %w", len(windows), windows[0].level, err)
	}
	rows, err := r.conn.Query(ctx, schema.SQL("rollup/still_marked"), named("level", string(windows[0].level)), named("windows", starts))
	if err != nil {
		return nil, wrap(err)
	}
	defer rows.Close()
	marked := map[time.Time]bool{}
	for rows.Next() {
		var start time.Time
		if err := rows.Scan(&start); err != nil {
			return nil, wrap(err)
		}
		marked[start.UTC()] = true
	}
	if err := rows.Err(); err != nil {
		return nil, wrap(err)
	}
	return slices.DeleteFunc(slices.Clone(windows), func(w window) bool { return !marked[w.start] }), nil
}

// panicked is a panic as an error: one window's must not end the process.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

func safely(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{p, debug.Stack()}
		}
	}()
	return do()
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
