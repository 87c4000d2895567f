package rollup

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/schema"
)

// quarter is how much of a day is summed up by one writing: what a statement holds in memory grows with it.
const quarter = 6 * time.Hour

// settled is how long after its end a window is summed up: calls of its last seconds are still coming.
const settled = 2 * time.Minute

// Summarize sums up, by tenant alone and by model alone, what boards read of windows that ended before a time and of which nothing is due
// (tables summary_tenants and summary_models, docs/adr/0052-totals-by-one-key.md), and publishes it. It takes what was published. What it makes is of
// revisions that don't change, and is read only after it is whole; if it is stopped, or two do it at once, some is made in vain.
func Summarize(ctx context.Context, conn driver.Conn, ended time.Time) (windows int, err error) {
	return summarizing{conn, nil, nil}.all(ctx, ended)
}

// The steps of a writing, in order: what it sums up, the sums, and that they are there.
const (
	afterPlan    = "plan of sums"
	afterTenants = "sums by tenant"
	afterModels  = "sums by model"
	afterSums    = "sums"
)

type summarizing struct {
	conn      driver.Conn
	stop      <-chan struct{}
	interrupt func(window, string) error
}

// all goes through the quarters, the newest first, and publishes each when it is summed up. It ends early when stop is closed.
func (s summarizing) all(ctx context.Context, ended time.Time) (quarters int, err error) {
	found, err := s.unsummed(ctx, ended)
	if err != nil {
		return 0, err
	}
	for _, from := range found {
		select {
		case <-s.stop:
			return quarters, nil
		default:
		}
		if err := s.one(ctx, from, ended); err != nil {
			return quarters, err
		}
		quarters++
	}
	return quarters, nil
}

func (s summarizing) unsummed(ctx context.Context, ended time.Time) (quarters []time.Time, err error) {
	rows, err := s.conn.Query(ctx, schema.SQL("rollup/unsummed"), named("to", Hour.start(ended)))
	if err != nil {
		return nil, fmt.Errorf("look for what isn't summed up: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var at time.Time
		if err := rows.Scan(&at); err != nil {
			return nil, fmt.Errorf("look for what isn't summed up: %w", err)
		}
		quarters = append(quarters, at.UTC())
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look for what isn't summed up: %w", err)
	}
	return quarters, nil
}

// one sums up a quarter under a number of its own: its rows are nobody else's.
func (s summarizing) one(ctx context.Context, from, ended time.Time) error {
	to := from.Add(quarter)
	if last := Hour.start(ended); last.Before(to) {
		to = last
	}
	args := []any{named("from", from), named("to", to), named("ended", Hour.start(ended)), named("writing", rand.Uint64()|1)}
	for _, step := range []struct{ statement, after string }{
		{"rollup/summarize_plan", afterPlan}, {"rollup/summarize_tenants", afterTenants}, {"rollup/summarize_models", afterModels}, {"rollup/summarize_done", afterSums},
	} {
		err := s.conn.Exec(ctx, schema.SQL(step.statement), args...)
		if err == nil && s.interrupt != nil {
			err = s.interrupt(window{}, step.after)
		}
		if err != nil {
			return fmt.Errorf("sum up %s to %s by one key: %w", from.Format(time.DateTime), to.Format(time.DateTime), err)
		}
	}
	return publishing{s.conn, s.interrupt}.write(ctx, span{from, to})
}

// summarize is the job.
func (r *Rollup) summarize(ctx context.Context, stop <-chan struct{}) (Stats, error) {
	if err := r.PublishTouched(ctx); err != nil { // what is published is what is summed up
		return Stats{}, err
	}
	n, err := summarizing{r.conn, stop, r.interrupt}.all(ctx, r.now().Add(-settled))
	return Stats{Windows: n}, err
}

// pruneSummaries removes the sums that no board reads: of revisions that were superseded, of writings that were stopped, and of windows whose own
// rows have ended. A writing is forgotten after the sums of what was forgotten before are removed, so that a reader has a night to end.
func (r *Rollup) pruneSummaries(ctx context.Context) error {
	for _, table := range []string{"summary_tenants", "summary_models"} {
		var n uint64
		if err := r.conn.QueryRow(ctx, schema.SQL("rollup/summaries_ended"), named("table", table)).Scan(&n); err != nil {
			return fmt.Errorf("look for sums that ended: %w", err)
		}
		if n == 0 {
			continue
		}
		if err := r.conn.Exec(ctx, schema.SQL("rollup/prune_sums"), named("table", table)); err != nil {
			return fmt.Errorf("prune %s: %w", table, err)
		}
		r.log.Info("pruned sums that no board reads", "table", table, "rows", n)
	}
	if err := r.conn.Exec(ctx, schema.SQL("rollup/prune_summaries"), r.before()); err != nil {
		return fmt.Errorf("prune summaries: %w", err)
	}
	return nil
}
