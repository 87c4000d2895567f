package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	engine "github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/goals"
)

func main() {
	engine.RunChildIfAsked()
	asJSON := flag.Bool("json", os.Getenv("JSON") != "", "one JSON object per row")
	rounds := flag.Int("rounds", 5, "how often everything is measured; medians are printed")
	only := flag.String("only", "", "measure one part: llmcost, llmsampling, collector, store")
	profiles := flag.String("profiles", "", "write CPU profiles of this process and of the measured collectors into this folder")
	child := flag.String("child", "", "internal: be the collector that is measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := func() error {
		return profiled(*profiles, "bench", func() error { return bench(ctx, *only, *rounds, *asJSON, *profiles) })
	}
	if *child != "" {
		run = func() error {
			return profiled(*profiles, *child, func() error { return runChild(ctx, *child, flag.Args()) })
		}
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench-collector:", err)
		os.Exit(1)
	}
}

// profiled runs it and writes its CPU profile to name.cpu in the folder, if there is one.
func profiled(folder, name string, run func() error) error {
	if folder == "" {
		return run()
	}
	f, err := os.Create(filepath.Join(folder, name+".cpu"))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return run()
}

func bench(ctx context.Context, only string, rounds int, asJSON bool, profiles string) error {
	var rows []goals.Row
	for _, part := range []struct {
		name string
		run  func(context.Context, int) ([]goals.Row, error)
	}{{"llmcost", benchCost}, {"llmsampling", benchSampling}, {"collector", func(ctx context.Context, rounds int) ([]goals.Row, error) {
		return benchCollector(ctx, rounds, profiles)
	}}, {"store", benchStore}} {
		if only != part.name && (only != "" || part.name == "store") { // store is of bench-ingest
			continue
		}
		more, err := part.run(ctx, rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		rows = append(rows, more...)
	}
	if len(rows) == 0 {
		return fmt.Errorf("-only %q: no such part; use llmcost, llmsampling, collector or store", only)
	}
	title := "COLLECTOR"
	if only == "store" {
		title = "INGEST BESIDE CONTRIB"
	}
	return goals.Write(os.Stdout, title, rows, asJSON)
}

// cpuTime of this process, user and system, all threads, to the nanosecond (getrusage counts in ticks of some milliseconds).
func cpuTime() time.Duration { return clock(unix.CLOCK_PROCESS_CPUTIME_ID) }

// threadTime is the same of this thread.
func threadTime() time.Duration { return clock(unix.CLOCK_THREAD_CPUTIME_ID) }

func clock(id int32) time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(id, &t)
	return time.Duration(t.Nano())
}

// series are measurements by name, one a round.
type series map[string][]float64

func (s series) add(name string, v float64) { s[name] = append(s[name], v) }

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func (s series) median(name string) float64 { return median(s[name]) }

// ratio is the median of the rounds' ratios.
func (s series) ratio(a, b string) float64 {
	out := make([]float64, len(s[a]))
	for i := range out {
		out[i] = s[a][i] / s[b][i]
	}
	return median(out)
}
