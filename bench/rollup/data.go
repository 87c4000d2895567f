package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/bench/proc"
	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/schema"
)

// store writes a minute as ingest leaves it: 300,000 calls of 200 tenants, few of them large, 30 models, 3 % flagged, 1 % of
// them written twice, in 12 parts, and a mark. Everything comes from the row's number, so each run stores the same.
func (b *bench) store(at time.Time) error {
	for part := range parts {
		err := b.exec("store", named("minute", at), named("first", uint64(part*perMinute/parts)), named("count", uint64(perMinute/parts)))
		if err != nil {
			return err
		}
	}
	if err := b.exec("store", named("minute", at), named("first", uint64(0)), named("count", uint64(perMinute/100))); err != nil {
		return err
	}
	return b.mark(rollup.Minute, at)
}

// storeKeys writes a minute of 300,000 calls of which the rollup makes as many rows, quickly.
func (b *bench) storeKeys(at time.Time) error {
	if err := b.exec("store_keys", named("minute", at), named("count", uint64(perMinute))); err != nil {
		return err
	}
	return b.mark(rollup.Minute, at)
}

func (b *bench) mark(level rollup.Level, at time.Time) error {
	return b.exec("mark", named("level", string(level)), named("window", at))
}

func (b *bench) size(at time.Time) (calls, rows uint64, err error) {
	err = b.conn.QueryRow(b.ctx, statement("size"), named("from", at), named("to", at.Add(time.Hour))).Scan(&calls, &rows)
	return calls, rows, err
}

// fillDay copies the hour's rows to the other hours of its day.
func (b *bench) fillDay(at time.Time) error {
	for h := range 24 {
		other := day.Add(time.Duration(h) * time.Hour)
		if other.Equal(at) {
			continue
		}
		for _, name := range []string{"copy_hour", "copy_hour_by", "copy_revision"} {
			if err := b.exec(name, named("from", at), named("to", other)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// history fills 30 other days: 10 million settlements, 9 million calls, a revision per window and a million done marks.
func (b *bench) history(at time.Time) error {
	for d := 1; d <= 30; d++ {
		past := at.AddDate(0, 0, -d)
		for _, name := range []string{"old_calls", "old_settlements", "old_revisions", "old_marks"} {
			if err := b.exec(name, named("minute", past)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// cost is wall time, the engine's CPU time and ours, in seconds.
type cost struct{ wall, cpu, ours float64 }

func (c cost) plus(o cost) cost { return cost{c.wall + o.wall, c.cpu + o.cpu, c.ours + o.ours} }

func (c cost) least(o cost) cost {
	return cost{min(c.wall, o.wall), min(c.cpu, o.cpu), min(c.ours, o.ours)}
}

// measured is what some rounds took. The least is told, each figure's own: other work on the machine, and the engine's own merges, only ever
// add. What is compared with something else that was measured in turn with it, is compared by the sums, of one state of the machine.
type measured struct{ cost, sum cost }

// task is what is measured. The kernel counts CPU time in hundredths of a second, so what is short is done some times a round.
type task struct {
	times  int
	before func() error // not measured, once each time; may be nil
	do     func() error
}

// best measures one task.
func (b *bench) best(t task) (measured, error) {
	all, err := b.side(t)
	if err != nil {
		return measured{}, err
	}
	return all[0], nil
}

// side measures several in turn, so that other work on the machine comes to all of them.
func (b *bench) side(tasks ...task) ([]measured, error) {
	out := make([]measured, len(tasks))
	for i := range rounds {
		for k, t := range tasks {
			c, err := b.once(t)
			if err != nil {
				return nil, err
			}
			if i == 0 {
				out[k].cost = c
			}
			out[k] = measured{out[k].cost.least(c), out[k].sum.plus(c)}
		}
	}
	return out, nil
}

func (b *bench) once(t task) (all cost, err error) {
	for range t.times {
		if t.before != nil {
			if err := t.before(); err != nil {
				return cost{}, err
			}
		}
		engine, ours, err := b.spent()
		if err != nil {
			return cost{}, err
		}
		start := time.Now()
		if err := t.do(); err != nil {
			return cost{}, err
		}
		all.wall += time.Since(start).Seconds() / float64(t.times)
		engineNow, oursNow, err := b.spent()
		if err != nil {
			return cost{}, err
		}
		all.cpu += (engineNow - engine).Seconds() / float64(t.times)
		all.ours += (oursNow - ours).Seconds() / float64(t.times)
	}
	return all, nil
}

// spent is the CPU time of the engine, and of this process, which decides what it settles.
func (b *bench) spent() (engine, ours time.Duration, err error) {
	if engine, err = proc.CPU(b.server.Pid()); err != nil {
		return 0, 0, err
	}
	ours, err = proc.CPU(os.Getpid())
	return engine, ours, err
}

// level rolls one window up, as often as best wants.
func (b *bench) level(l rollup.Level, at time.Time) (measured, error) { return b.best(b.rolled(l, at)) }

// rolled is the rollup of one window, from its mark, which is not its own work, until nothing of it is left to do.
func (b *bench) rolled(l rollup.Level, at time.Time) task {
	return task{1, func() error { return b.mark(l, at) }, func() error {
		did, err := b.rollup.RunOnce(b.ctx, l)
		if err == nil && did.Windows != 1 {
			return fmt.Errorf("rolled up %d windows of level %s, want one", did.Windows, l)
		}
		return err
	}}
}

// bare is the statement that a minute's totals come from, alone: what it reads is thrown away.
func (b *bench) bare(at time.Time) task {
	text := schema.SQL("rollup/minute")
	text = text[strings.Index(text, "\nWITH")+1:] + "\nFORMAT Null"
	args := []any{named("windows", []time.Time{at}), named("ns", []uint64{1}), named("workers", []uint64{1})}
	for _, mask := range []string{"rate_limited", "billed_otherwise", "doubt", "estimated", "provided", "reserved", "stream"} {
		args = append(args, named(mask, uint32(1)))
	}
	return task{1, nil, func() error { return b.conn.Exec(b.ctx, text, args...) }}
}

// late stores a call in each of many hours that were done, and brings all totals up to it.
func (b *bench) late(at time.Time) error {
	progress("%d calls that come late, each in another hour", lateHours)
	if err := b.exec("late", named("minute", at), named("count", uint64(lateHours))); err != nil {
		return err
	}
	if err := b.exec("late_marks", named("minute", at), named("count", uint64(lateHours))); err != nil {
		return err
	}
	c, err := b.once(task{1, nil, func() error {
		for _, l := range rollup.Levels() {
			if _, err := b.rollup.RunOnce(b.ctx, l); err != nil {
				return err
			}
		}
		return nil
	}})
	if err == nil {
		b.rows = append(b.rows, goals.Told(fmt.Sprintf("%d late calls in as many hours, s wall / engine CPU", lateHours), fmt.Sprintf("%.1f / %.1f", c.wall, c.cpu)))
	}
	return err
}

func (b *bench) told(name string, m measured) {
	c := m.cost
	b.rows = append(b.rows, goals.Told(name+", s wall / engine CPU", fmt.Sprintf("%.3f / %.3f", c.wall, c.cpu)))
}

func (b *bench) exec(name string, args ...any) error {
	return b.conn.Exec(b.ctx, statement(name), args...)
}
