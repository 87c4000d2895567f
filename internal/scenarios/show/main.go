// Command show runs the scenarios and prints precision, recall and delay; it exits with 1 if a goal is missed. `make
// scenarios` runs it.
//
//	show [--json] [--list] [--spikes N] [--seed N] [--only NAME]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tollkeeper/tollkeeper/internal/scenarios"
)

func main() {
	asJSON := flag.Bool("json", false, "one JSON object per scenario")
	spikes := flag.Int("spikes", 40, "spikes injected into each series that has some")
	seed := flag.Uint64("seed", 1, "of what is drawn at random")
	list := flag.Bool("list", false, "list what fired, too")
	only := flag.String("only", "", "scenarios whose name holds this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	results, err := run(ctx, *spikes, *seed, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "scenarios:", err)
		os.Exit(1)
	}
	for _, r := range results {
		for _, f := range r.Fired {
			if *list {
				fmt.Fprintf(os.Stderr, "%s: %s to %s: %s\n", r.Scenario, f.From.Format(time.DateTime), f.To.Format(time.DateTime), f.Summary)
			}
		}
	}
	if err := scenarios.Write(os.Stdout, results, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "scenarios:", err)
		os.Exit(1)
	}
}

// run runs the scenarios side by side, one per core, and says on stderr as each is done.
func run(ctx context.Context, spikes int, seed uint64, only string) ([]scenarios.Result, error) {
	var chosen []scenarios.Scenario
	for _, s := range scenarios.All(spikes) {
		if strings.Contains(s.Name, only) {
			chosen = append(chosen, s)
		}
	}
	results := make([]scenarios.Result, len(chosen))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range chosen {
		group.Go(func() (err error) {
			if results[i], err = s.Run(ctx, scenarios.Rules(), seed); err == nil {
				fmt.Fprintf(os.Stderr, "done: %s\n", s.Name)
			}
			return err
		})
	}
	return results, group.Wait()
}
