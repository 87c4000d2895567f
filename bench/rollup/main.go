// Command rollup measures the rollup of one minute at 5,000 calls a second, of its hour and its day, on the embedded
// engine: wall time, the engine's CPU time and memory, and whether any of it grows with history.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/bench/proc"
	engine "github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/rollup/settle"
	"github.com/tollkeeper/tollkeeper/schema"
)

func main() {
	engine.RunChildIfAsked()
	asJSON := flag.Bool("json", os.Getenv("JSON") != "", "one JSON object per row")
	minutes := flag.Int("minutes", 10, "how many minutes of 300,000 calls the hour has, 1 to 34; at the end it has 34, 10 million calls")
	only := flag.String("only", "", "minute: the minute, its settlement and late calls; else all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *minutes < 1 || *minutes > allMinutes {
		fmt.Fprintf(os.Stderr, "bench-rollup: --minutes %d: use 1 to %d\n", *minutes, allMinutes)
		os.Exit(2)
	}
	if *only != "" && *only != "minute" {
		fmt.Fprintf(os.Stderr, "bench-rollup: --only %q: use minute, or leave it out\n", *only)
		os.Exit(2)
	}
	if err := run(ctx, *minutes, *only, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "bench-rollup:", err)
		os.Exit(1)
	}
}

const (
	perMinute  = 300_000
	allMinutes = 34 // are 10 million calls
	parts      = 12 // as ingest leaves them, before they are merged
	rounds     = 6
	lateHours  = 100

	// mostOfClock is DESIGN §6's bound of a minute's rollup in seconds by the clock, on cores that do nothing else.
	mostOfClock = 0.3
	// mostOfBare is how much CPU a minute's rollup may take beside the engine's own statement of the same totals (docs/adr/0038).
	mostOfBare = 1.5
)

var day = time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)

type bench struct {
	ctx     context.Context
	server  *engine.Server
	conn    driver.Conn
	rollup  *rollup.Rollup
	settler *settle.Settler
	rows    []goals.Row
}

func run(ctx context.Context, minutes int, only string, asJSON bool) error {
	dir, err := os.MkdirTemp("", "tollkeeper-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	server, err := engine.Start(ctx, engine.Config{Dir: dir, Log: quiet})
	if err != nil {
		return fmt.Errorf("start the engine (make engine fetches it): %w", err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		err = errors.Join(err, server.Close(end))
	}()
	b := &bench{ctx: ctx, server: server}
	opts := schema.DefaultOptions()
	opts.Retention = schema.Retention{}
	if _, err := schema.Apply(ctx, server.URL("bench"), opts); err != nil {
		return err
	}
	if b.conn, err = schema.OpenPatient(server.URL("bench")); err != nil {
		return err
	}
	defer b.conn.Close()
	rollup.TuneGC() // as a rollup process does, and `tollkeeper up` for all that it runs
	b.settler = settle.New(b.conn, quiet, nil, nil)
	cfg := rollup.DefaultConfig()
	cfg.SealedAfter = 0
	if b.rollup, err = rollup.New(cfg, rollup.Deps{ClickHouse: b.conn, Log: quiet}); err != nil {
		return err
	}
	if err := b.measure(minutes, only); err != nil {
		return err
	}
	return goals.Write(os.Stdout, "ROLLUP", b.rows, asJSON)
}

func (b *bench) measure(minutes int, only string) error {
	at := day.Add(10 * time.Hour)
	alone, err := b.minute(at)
	if err != nil || only == "minute" {
		return err
	}
	for i := 1; i < minutes; i++ {
		progress("storing and rolling up minute %d of %d", i+1, minutes)
		if err := b.store(at.Add(time.Duration(i) * time.Minute)); err != nil {
			return err
		}
	}
	if _, err := b.rollup.RunOnce(b.ctx, rollup.Minute); err != nil {
		return err
	}
	if err := b.larger(at); err != nil {
		return err
	}
	if err := b.tenMillion(at, minutes); err != nil {
		return err
	}
	if err := b.withHistory(at, alone); err != nil {
		return err
	}
	peak, err := proc.Peak(b.server.Pid())
	if err != nil {
		return err
	}
	b.rows = append(b.rows, goals.Told("engine's memory at most, MB", fmt.Sprint(peak>>20)))
	return nil
}

// minute measures a minute, its settlement and what comes late.
func (b *bench) minute(at time.Time) (alone measured, err error) {
	progress("storing a minute of %d calls", perMinute)
	if err := b.store(at); err != nil {
		return alone, err
	}
	twins := at.AddDate(0, 0, 5)
	if err := b.twins(twins); err != nil {
		return alone, err
	}
	plain := task{1, nil, func() error { return b.exec("plain", named("from", at), named("to", at.Add(time.Minute))) }}
	settled := func(minute time.Time) task {
		return task{10, nil, func() error { return b.settler.Settle(b.ctx, minute) }}
	}
	all, err := b.side(b.bare(at), b.rolled(rollup.Minute, at), settled(twins), settled(twins.AddDate(0, 0, 3)), plain)
	if err != nil {
		return alone, err
	}
	bare, alone, again, nobody := all[0], all[1], all[2], all[3]
	b.told("plain sum of the minute by tenant, nothing once", all[4])
	b.told("the engine's own statement of the minute's totals, thrown away", bare)
	b.told("minute of 300,000 calls (5,000 a second)", alone)
	b.rows = append(b.rows, goals.AtMost("  by the clock, s", "%.2f", alone.cost.wall, mostOfClock),
		goals.AtMost("  CPU of the minute, times the engine's own statement", "%.2f", alone.sum.cpu/bare.sum.cpu, mostOfBare),
		goals.Told("settling 9,000 candidates again, s wall / engine CPU / our CPU", fmt.Sprintf("%.3f / %.3f / %.3f", again.cost.wall, again.cost.cpu, again.cost.ours)),
		goals.AtMost("  of the minute's rollup, % of wall", "%.0f", 100*again.sum.wall/alone.sum.wall, 20),
		goals.Told("  of the minute's rollup, % of CPU, ours too", fmt.Sprintf("%.0f", 100*(again.sum.cpu+again.sum.ours)/(alone.sum.cpu+alone.sum.ours))),
		goals.AtMost("  of the minute's rollup, % of the engine's CPU", "%.0f", 100*again.sum.cpu/alone.sum.cpu, 20),
		goals.Told("a minute without candidates, s", fmt.Sprintf("%.3f", nobody.cost.wall)))
	return alone, b.late(at.AddDate(0, 0, -60))
}

// larger measures the minute's hour and its day, and both by dimension.
func (b *bench) larger(at time.Time) error {
	for _, m := range []struct {
		name   string
		level  rollup.Level
		window time.Time
		before func() error
	}{
		{"hour, from minutes", rollup.Hour, at, nil},
		{"hour by dimension, from calls", rollup.HourBy, at, nil},
		{"day, from hours", rollup.Day, day, func() error { return b.fillDay(at) }},
		{"day by dimension, from hours", rollup.DayBy, day, nil},
	} {
		progress("%s", m.name)
		if m.before != nil {
			if err := m.before(); err != nil {
				return err
			}
		}
		took, err := b.level(m.level, m.window)
		if err != nil {
			return err
		}
		b.told(m.name, took)
	}
	return nil
}

// tenMillion fills the hour up, of which so many minutes are stored, and counts its rows.
func (b *bench) tenMillion(at time.Time, minutes int) error {
	for i := minutes; i < allMinutes; i++ {
		if err := b.storeKeys(at.Add(time.Duration(i) * time.Minute)); err != nil {
			return err
		}
	}
	progress("rolling up until the hour has 10 million calls")
	if _, err := b.rollup.RunOnce(b.ctx, rollup.Minute); err != nil {
		return err
	}
	calls, rows, err := b.size(at)
	if err != nil {
		return err
	}
	b.rows = append(b.rows,
		goals.AtLeast("calls of the hour", "%.0f", float64(calls), 10_000_000),
		goals.AtMost("rows of cost_minute, % of these calls", "%.2f", 100*float64(rows)/float64(calls), 2))
	return nil
}

// withHistory measures the minute again when much lies behind it.
func (b *bench) withHistory(at time.Time, alone measured) error {
	progress("history: 30 days of calls, settlements, revisions and done marks")
	if err := b.history(at); err != nil {
		return err
	}
	again, err := b.level(rollup.Minute, at)
	if err != nil {
		return err
	}
	b.told("minute, with that history", again)
	b.rows = append(b.rows,
		goals.Told("minute with history / without, wall", fmt.Sprintf("%.2f", again.cost.wall/alone.cost.wall)),
		goals.AtMost("minute with history / without, CPU", "%.2f", again.cost.cpu/alone.cost.cpu, 1.25))
	return nil
}

// twins stores a minute of which 3 % are flagged, with as many candidates in the minutes around, and settles all of them: in most rounds of an
// open minute all decisions stand already.
func (b *bench) twins(at time.Time) error {
	progress("9,000 candidates a minute, for half an hour")
	for i := -15; i <= 15; i++ {
		if err := b.exec("candidates", named("minute", at.Add(time.Duration(i)*time.Minute))); err != nil {
			return err
		}
	}
	start := time.Now()
	if err := b.settler.Settle(b.ctx, at); err != nil {
		return err
	}
	first := time.Since(start).Seconds()
	for i := -15; i <= 15; i++ {
		if err := b.settler.Settle(b.ctx, at.Add(time.Duration(i)*time.Minute)); err != nil {
			return err
		}
	}
	for _, l := range rollup.Levels() { // the minutes that it marked
		if _, err := b.rollup.RunOnce(b.ctx, l); err != nil {
			return err
		}
	}
	b.rows = append(b.rows, goals.Told("settling 9,000 candidates for the first time, s", fmt.Sprintf("%.3f", first)))
	return nil
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "… "+format+"\n", args...) }

func named(name string, value any) any { return clickhouse.Named(name, value) }
