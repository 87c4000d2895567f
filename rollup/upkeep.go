package rollup

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tollkeeper/tollkeeper/schema"
)

// watch measures the backlog and says when marks are held back.
func (r *Rollup) watch(ctx context.Context) error {
	rows, err := r.conn.Query(ctx, schema.SQL("rollup/backlog"), named("since", r.sealedBefore()), named("late", r.open().since))
	if err != nil {
		return fmt.Errorf("measure the backlog: %w", err)
	}
	defer rows.Close()
	type backlog struct {
		due, late, held uint64
		age             int64 // ms
	}
	found := map[Level]backlog{}
	for rows.Next() {
		var level string
		var b backlog
		if err := rows.Scan(&level, &b.due, &b.late, &b.age, &b.held); err != nil {
			return fmt.Errorf("measure the backlog: %w", err)
		}
		found[Level(level)] = b
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("measure the backlog: %w", err)
	}
	for _, l := range Levels() {
		b := found[l]
		r.metrics.backlog.WithLabelValues(string(l)).Set(float64(b.due))
		r.metrics.backlogAge.WithLabelValues(string(l)).Set((time.Duration(b.age) * time.Millisecond).Seconds())
		r.metrics.held.WithLabelValues(string(l)).Set(float64(b.held))
		r.noteHeld(l, b.held)
		switch l {
		case Minute:
			r.noteBacklog(jobMinute, b.due-b.late)
			r.noteBacklog(jobLate, b.late)
		default:
			r.noteBacklog(string(l), b.due) // the job is named like its level
		}
	}
	r.noteBacklog(jobAdjust, found[adjustLevel].due)
	return r.publish(ctx)
}

// noteBacklog remembers what waits for a job.
func (r *Rollup) noteBacklog(job string, n uint64) {
	r.metrics.jobBacklog.WithLabelValues(job).Set(float64(n))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state(job).backlog = n
}

// noteHeld logs a change in the number of windows that changed after their books were closed or their rows sealed.
func (r *Rollup) noteHeld(l Level, held uint64) {
	r.mu.Lock()
	before := r.held[l]
	r.held[l] = held
	r.mu.Unlock()
	if held > before {
		r.log.Warn("calls arrived in closed or sealed windows; their totals stay as they are and the marks are kept",
			"level", string(l), "windows", held)
	}
}

// sweep removes marks that were done a while ago. The table stays small, so reading the marks stays fast.
func (r *Rollup) sweep(ctx context.Context) error {
	if err := r.conn.Exec(ctx, schema.SQL("rollup/merge_marks")); err != nil {
		return fmt.Errorf("merge marks: %w", err)
	}
	if err := r.conn.Exec(ctx, schema.SQL("rollup/sweep_marks"), r.before()); err != nil {
		return fmt.Errorf("sweep marks: %w", err)
	}
	return nil
}

// prune removes superseded revisions: first their rows, then themselves, so that a stop in between leaves nothing
// that nobody remembers.
func (r *Rollup) prune(ctx context.Context) error {
	if err := r.publishAlso(ctx, everything); err != nil { // so that no board reads what goes
		return err
	}
	for _, l := range Levels() {
		var n uint64
		level, before := named("level", string(l)), r.before()
		if err := r.conn.QueryRow(ctx, schema.SQL("rollup/superseded"), level, before).Scan(&n); err != nil {
			return fmt.Errorf("look for superseded %s revisions: %w", l, err)
		}
		if n == 0 {
			continue
		}
		if err := r.conn.Exec(ctx, schema.SQL("rollup/prune_rows"), named("table", l.table()), level, before); err != nil {
			return fmt.Errorf("prune rows of superseded %s revisions: %w", l, err)
		}
		if err := r.conn.Exec(ctx, schema.SQL("rollup/prune_revisions"), level, before); err != nil {
			return fmt.Errorf("prune superseded %s revisions: %w", l, err)
		}
		r.log.Info("pruned superseded revisions", "level", string(l), "revisions", n)
	}
	return r.pruneSummaries(ctx)
}

func (r *Rollup) before() any {
	return clickhouse.DateNamed("before", r.now().Add(-r.cfg.KeepSuperseded), clickhouse.MilliSeconds)
}
