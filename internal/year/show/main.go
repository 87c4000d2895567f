// Command show stores a year of small days in three tiers and says what lies where, whether it reads back, and what it costs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	engine "github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/year"
)

func main() {
	engine.RunChildIfAsked()
	cfg := year.DefaultConfig()
	asJSON := flag.Bool("json", os.Getenv("JSON") != "", "one JSON object per row")
	flag.IntVar(&cfg.PerDay, "per-day", cfg.PerDay, "reports a day")
	flag.Parse()
	cfg.Progress = func(format string, args ...any) { fmt.Fprintf(os.Stderr, "… "+format+"\n", args...) }
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "tollkeeper-year-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = year.Run(ctx, os.Stdout, dir, cfg, *asJSON)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "storage-year:", err)
		os.RemoveAll(dir)
		os.Exit(1)
	}
}
