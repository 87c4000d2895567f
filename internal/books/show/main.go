// Command show tells the story of a month's books and prints every comparison; it exits with 1 if one differs. `make books` runs
// it.
//
//	show [--json] [--calls N] [--days N] [--hours N] [--seed N] [--script N]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"text/tabwriter"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/books"
	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/goals"
)

func main() {
	clickhouse.RunChildIfAsked()
	asJSON := flag.Bool("json", os.Getenv("JSON") != "", "one JSON object per comparison")
	calls := flag.Int("calls", 3000, "calls of the month")
	days := flag.Int("days", 2, "days of each month that have traffic, 1 to 10")
	hours := flag.Int("hours", 1, "hours of each such day, 1 to 4")
	seed := flag.Uint64("seed", 1, "of the traffic")
	steps := flag.Int("script", 0, "instead of the story so many acts in a random order, some of them cut off")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *calls < 10 || *days < 1 || *days > 10 || *hours < 1 || *hours > 4 {
		fmt.Fprintf(os.Stderr, "books: --calls %d --days %d --hours %d: at least 10 calls, 1 to 10 days, 1 to 4 hours\n", *calls, *days, *hours)
		os.Exit(2)
	}
	if err := run(ctx, books.Options{Calls: *calls, Days: *days, Hours: *hours, Seed: *seed}, *steps, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "books:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o books.Options, steps int, asJSON bool) error {
	dir, err := os.MkdirTemp("", "tollkeeper-books-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	begun := time.Now()
	fmt.Fprintf(os.Stderr, "books: %d calls of September on %d days, seed %d\n", o.Calls, o.Days, o.Seed)
	o.Dir, o.Log = dir, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	o.Tell = func(stage string) { fmt.Fprintf(os.Stderr, "books: %3.0fs %s\n", time.Since(begun).Seconds(), stage) }
	play := books.Run
	if steps > 0 {
		play = func(ctx context.Context, o books.Options) ([]goals.Row, error) { return books.Script(ctx, o, steps) }
	}
	rows, err := play(ctx, o)
	if err != nil { // no verdict, but what was compared until then
		for _, r := range rows {
			if !r.OK {
				fmt.Fprintf(os.Stderr, "books: %s: ours %s, recomputed %s\n", r.Name, r.Got, r.Goal)
			}
		}
		return fmt.Errorf("%w (seed %d)", err, o.Seed)
	}
	return write(os.Stdout, rows, o.Seed, asJSON)
}

func write(out io.Writer, rows []goals.Row, seed uint64, asJSON bool) error {
	equal := 0
	for _, r := range rows {
		if r.OK {
			equal++
		}
	}
	if asJSON {
		enc := json.NewEncoder(out)
		for _, r := range rows {
			if err := enc.Encode(map[string]any{"what": r.Name, "ours": r.Got, "recomputed": r.Goal, "equal": r.OK, "seed": seed}); err != nil {
				return err
			}
		}
	} else {
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "WHAT\tOURS\tRECOMPUTED\tVERDICT")
		for _, r := range rows {
			verdict := "equal"
			if !r.OK {
				verdict = "DIFFERS"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.Name, r.Got, r.Goal, verdict)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(out, "BOOKS: %d of %d equal a recomputation in plain Go (seed %d)\n", equal, len(rows), seed)
	}
	if equal < len(rows) {
		return fmt.Errorf("%d of %d totals differ (seed %d)", len(rows)-equal, len(rows), seed)
	}
	return nil
}
