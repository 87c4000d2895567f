// Command chaos breaks the product in every way it knows, round after round, and checks that nothing is lost (internal/chaos).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/chaos"
	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

func main() {
	clickhouse.RunChildIfAsked()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 5 && os.Args[1] == "role" {
		end("chaos "+os.Args[2], role(ctx, os.Args[2:]))
	}
	o := chaos.Options{Out: os.Stdout}
	flag.IntVar(&o.Rounds, "rounds", 10, "how many rounds")
	flag.Uint64Var(&o.Seed, "seed", 0, "seed of the first round; each next one's is one more (default: from the clock)")
	flag.StringVar(&o.Dir, "dir", filepath.Join(os.TempDir(), "tollkeeper-chaos"), "where the processes write; results in rounds.jsonl")
	flag.BoolVar(&o.Resume, "resume", false, "go on after the rounds that are done in dir")
	flag.BoolVar(&o.JSON, "json", os.Getenv("JSON") != "", "one JSON object per row of the verdict")
	flag.Usage = func() {
		fmt.Fprintf(os.Stderr, "Breaks collector, broker, ingest, engine and rollup under load and checks that nothing is lost.\n\n"+
			"  chaos --rounds 200\n  chaos --rounds 1 --seed 42    replay the round of seed 42\n  chaos --rounds 200 --resume\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if o.Seed == 0 {
		o.Seed = uint64(time.Now().Unix())
	}
	end("chaos", chaos.Run(ctx, o))
}

func role(ctx context.Context, args []string) error {
	offset, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	return chaos.Role(ctx, args[0], args[1], offset)
}

func end(who string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, who+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}
