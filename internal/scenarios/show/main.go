// Command show runs the scenarios and prints precision, recall and delay; it exits with 1 if a goal is missed. `make
// scenarios` runs it.
//
//	show [--json] [--spikes N] [--only NAME]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/tollkeeper/tollkeeper/internal/scenarios"
)

func main() {
	asJSON := flag.Bool("json", false, "one JSON object per scenario")
	spikes := flag.Int("spikes", 40, "spikes injected into each series that has some")
	only := flag.String("only", "", "scenarios whose name holds this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var results []scenarios.Result
	for _, s := range scenarios.All(*spikes) {
		if !strings.Contains(s.Name, *only) {
			continue
		}
		r, err := s.Run(ctx, scenarios.Rules(), 1)
		if err != nil {
			fmt.Fprintln(os.Stderr, "scenarios:", err)
			os.Exit(1)
		}
		results = append(results, r)
	}
	if err := scenarios.Write(os.Stdout, results, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "scenarios:", err)
		os.Exit(1)
	}
}
