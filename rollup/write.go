package rollup

import (
	"context"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// togetherRows is how many rows windows may be made from to be written by one statement: planning it is most of what a small window takes
// (docs/adr/0043-small-windows-together.md). What is larger has a statement of its own.
const togetherRows = 50_000

// write writes windows that have claimed: small minutes and hours by one statement, the others and days by one each.
func (p *pass) write(ctx context.Context, now []*attempt) {
	r := p.r
	if together := r.small(ctx, now); len(together) > 1 && !p.ends(ctx) {
		if err := safely(func() error { return r.write(ctx, together) }); err == nil {
			now = slices.DeleteFunc(slices.Clone(now), func(a *attempt) bool { return slices.Contains(together, a) })
		} else {
			// Some of them may be written, or be so yet. Each tries alone, by a revision that this statement didn't name.
			r.log.Warn("rollup: windows failed together, each is tried alone", "level", now[0].level, "windows", len(together), "error", err)
			if err := safely(func() error { return r.claimAgain(ctx, together) }); err != nil {
				p.failAll(together, afterWrite, err)
			}
			now = slices.DeleteFunc(slices.Clone(now), func(a *attempt) bool { return a.err != nil || a.left })
		}
	}
	p.each(ctx, now, afterWrite, func(a *attempt) error { return r.write(ctx, []*attempt{a}) })
}

func (r *Rollup) claimAgain(ctx context.Context, now []*attempt) error {
	if err := r.nextRevisions(ctx, now); err != nil {
		return err
	}
	now = slices.DeleteFunc(slices.Clone(now), func(a *attempt) bool { return a.left })
	if len(now) == 0 {
		return nil
	}
	return r.claim(ctx, now)
}

// small are those of the windows that are made from few enough rows together, in order.
func (r *Rollup) small(ctx context.Context, now []*attempt) (small []*attempt) {
	level := now[0].level
	if len(now) < 2 || level == Day || level == DayBy {
		return nil
	}
	sizes, err := r.byWindow(ctx, "rollup/size_"+string(level), named("windows", starts(now)))
	if err != nil {
		return nil // whatever it is, the statements that matter will say it
	}
	left := uint64(togetherRows)
	for _, a := range now {
		if n := sizes[a.start]; n <= left {
			left -= n
			small = append(small, a)
		}
	}
	return small
}

// byWindow reads a number of each window.
func (r *Rollup) byWindow(ctx context.Context, query string, args ...any) (map[time.Time]uint64, error) {
	rows, err := r.conn.Query(ctx, schema.SQL(query), args...)
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

// write reads what windows of one level are made of and writes them, in one statement, each as one part. Days come alone.
func (r *Rollup) write(ctx context.Context, now []*attempt) error {
	w, rev := now[0].window, now[0].rev
	args := revisions(now)
	switch w.level {
	case Minute:
		args = append(args, flagMasks()...)
	case HourBy:
		args = append(args, named("minutes", minutesOf(now)), named("billed_otherwise", uint32(ledger.FlagProvided|ledger.FlagReserved)))
	case DayBy:
		args = append(args, named("top", uint64(TopValues)))
	}
	if w.level == Day || w.level == DayBy {
		args = append(args, named("from", w.start), named("to", w.start.Add(w.level.length())), named("n", rev.n), named("worker", rev.worker))
	}
	return r.conn.Exec(ctx, schema.SQL("rollup/"+string(w.level)), args...)
}

// minutesOf are those of some windows.
func minutesOf(now []*attempt) (out []time.Time) {
	for _, a := range now {
		for at := a.start; at.Before(a.start.Add(a.level.length())); at = at.Add(time.Minute) {
			out = append(out, at)
		}
	}
	return out
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
