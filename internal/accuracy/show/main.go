// Command show prints how the recordings of real instrumentations are priced beside what the model server billed for them, and exits
// with 1 if a goal is missed. `make accuracy` runs it.
//
//	show [--full | --json] [--settled] [folder of recordings]
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/tollkeeper/tollkeeper/internal/accuracy"
)

const recordings = "collector/genai/testdata/recordings" // below the root of the repository

func main() {
	asJSON := flag.Bool("json", false, "one JSON object per case instead of tables")
	settled := flag.Bool("settled", false, "only recordings in which several reports may tell of one call, and what settlement made of them")
	full := flag.Bool("full", false, "every case, not only a line per emitter")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	format := accuracy.Summary
	switch {
	case *asJSON:
		format = accuracy.JSON
	case *full:
		format = accuracy.Full
	}
	if err := run(ctx, os.Stdout, flag.Args(), format, *settled); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string, format accuracy.Format, settled bool) error {
	dir := recordings
	switch len(args) {
	case 0:
	case 1:
		dir = args[0]
	default:
		return fmt.Errorf("%d folders given: give one, or none for %s", len(args), recordings)
	}
	rows, err := accuracy.Recordings(ctx, dir)
	if err != nil {
		return err
	}
	if settled {
		traps, err := accuracy.Traps(ctx)
		if err != nil {
			return err
		}
		return accuracy.WriteSettled(out, rows, traps, format == accuracy.JSON)
	}
	return accuracy.Write(out, rows, format)
}
