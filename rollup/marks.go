package rollup

import (
	"context"
	"errors"
	"fmt"
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

// sealedBefore is the first window that may be rewritten: a whole day, so that no hour or day is half sealed.
func (r *Rollup) sealedBefore() time.Time {
	if r.cfg.SealedAfter == 0 {
		return startOfTime
	}
	return Day.start(r.now().Add(-r.cfg.SealedAfter))
}

// pass recomputes every window of the level that has due marks within bounds, newest first, until there are none or
// stop is closed. One window's failure doesn't keep the others; all failures are returned together.
func (r *Rollup) pass(ctx context.Context, stop <-chan struct{}, level Level, in bounds) (Stats, error) {
	var stats Stats
	for {
		windows, err := r.due(ctx, level, in)
		if err != nil {
			return stats, err
		}
		var errs []error
		for _, w := range windows {
			select {
			case <-stop:
				return stats, errors.Join(errs...)
			default:
			}
			if err := r.recompute(ctx, w); err != nil {
				r.metrics.windowFailures.WithLabelValues(string(level)).Inc()
				errs = append(errs, err)
				if ctx.Err() != nil || len(errs) >= maxFailures {
					return stats, errors.Join(errs...)
				}
				continue
			}
			r.metrics.windows.WithLabelValues(string(level)).Inc()
			stats.Windows++
			stats.Marks += len(w.marks)
		}
		if len(windows) < r.cfg.Batch || len(errs) > 0 {
			return stats, errors.Join(errs...)
		}
	}
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
