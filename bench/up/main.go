// Command up measures `tollkeeper up` as a newcomer meets it: how soon after its start a call can be seen, on an empty
// folder and on one with calls in it, and what the whole product holds in memory while nothing happens.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/tollkeeper/tollkeeper/bench/proc"
	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/internal/replay"
)

// recording is one call of a real instrumentation.
const recording = "collector/genai/testdata/recordings/openllmetry-anthropic/messages.otlp.json"

func main() {
	asJSON := flag.Bool("json", os.Getenv("JSON") != "", "one JSON object per row")
	program := flag.String("program", "bin/tollkeeper", "the program to start")
	idle := flag.Duration("idle", time.Minute, "how long to watch it do nothing")
	calls := flag.Int("calls", 2000, "calls in the folder that it starts on again")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, bench{program: *program, idle: *idle, calls: *calls}, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "bench-up:", err)
		os.Exit(1)
	}
}

type bench struct {
	program string
	idle    time.Duration
	calls   int

	dir          string
	otlp, engine string // where it listens, host:port
}

func run(ctx context.Context, out io.Writer, b bench, asJSON bool) (err error) {
	if b.dir, err = os.MkdirTemp("", "tollkeeper-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.configure(); err != nil {
		return err
	}
	rows, err := b.start(ctx, "an empty folder", 0, func(p *product) ([]goals.Row, error) {
		fmt.Fprintf(os.Stderr, "… %d calls more\n", b.calls)
		if _, err := replay.Replay(ctx, recording, b.otlp, replay.Options{NewIDs: true, Repeat: b.calls, Tenant: "acme"}); err != nil {
			return nil, err
		}
		return nil, errors.Join(p.until(ctx, "calls", b.calls+1), p.until(ctx, "spend", b.calls+1))
	})
	if err != nil {
		return err
	}
	again, err := b.start(ctx, fmt.Sprintf("a folder with %d calls", b.calls+1), b.calls+1, b.watch(ctx))
	if err != nil {
		return err
	}
	return goals.Write(out, "UP", append(rows, again...), asJSON)
}

// start runs the product on the folder until a call of ours is seen, then use, and ends it in order.
func (b *bench) start(ctx context.Context, name string, had int, use func(*product) ([]goals.Row, error)) (rows []goals.Row, err error) {
	fmt.Fprintf(os.Stderr, "… starts on %s\n", name)
	p, err := b.launch()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.kill()) }()
	accepts, err := p.accepts(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := replay.Replay(ctx, recording, b.otlp, replay.Options{NewIDs: true, Tenant: "acme"}); err != nil {
		return nil, err
	}
	acknowledged := p.age()
	rows = append(rows,
		goals.Told(name+": OTLP is taken after, s", seconds(accepts)),
		goals.Told(name+": the first call is acknowledged after, s", seconds(acknowledged)))
	if err := p.until(ctx, "calls", had+1); err != nil {
		return nil, err
	}
	rows = append(rows, goals.AtMost(name+": the first call is in the ledger after, s", "%.1f", p.age().Seconds(), 5))
	if err := p.until(ctx, "spend", had+1); err != nil {
		return nil, err
	}
	// DESIGN D5: open minutes are added up every 5 s.
	rows = append(rows, goals.Told(name+": the first call is in the boards' totals after, s", seconds(p.age())))
	more, err := use(p)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := p.stop(); err != nil {
		return nil, err
	}
	return append(append(rows, more...), goals.Told(name+": stopped in order within, s", seconds(time.Since(began)))), nil
}

// watch looks at the product's processes while nobody sends anything.
func (b *bench) watch(ctx context.Context) func(*product) ([]goals.Row, error) {
	return func(p *product) ([]goals.Row, error) {
		fmt.Fprintf(os.Stderr, "… does nothing for %s\n", b.idle)
		first, err := p.used()
		if err != nil {
			return nil, err
		}
		began, most := time.Now(), int64(0)
		for tick := time.NewTicker(time.Second); time.Since(began) < b.idle; {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-tick.C:
			}
			now, err := p.sum(proc.Resident)
			if err != nil {
				return nil, err
			}
			most = max(most, now)
		}
		last, err := p.used()
		if err != nil {
			return nil, err
		}
		return []goals.Row{
			goals.AtMost("idle: resident at most, all its processes, MB", "%.0f", float64(most)/1e6, 800),
			goals.Told("idle: of one CPU, %", fmt.Sprintf("%.1f", 100*(last-first).Seconds()/time.Since(began).Seconds())),
		}, nil
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
