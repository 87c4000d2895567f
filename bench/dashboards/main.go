// Command dashboards measures every panel of every board over calls generated in the embedded engine: p50 and p95 of the
// time until the answer is there, what the engine read and worked for it, held against DESIGN's 100 ms.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"time"

	engine "github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/schema"
)

const goal = 100.0 // ms at p95

// what the command is asked for.
type what struct {
	calls  int    // behind the panels, over thirty days
	dir    string // keeps the data for another run; empty: a temporary folder
	rounds int    // per panel
	only   *regexp.Regexp
	asJSON bool
}

func main() {
	engine.RunChildIfAsked()
	var w what
	only := ""
	flag.BoolVar(&w.asJSON, "json", os.Getenv("JSON") != "", "one JSON object per row")
	flag.IntVar(&w.calls, "calls", 100_000_000, "how many calls lie behind the panels, over thirty days")
	flag.StringVar(&w.dir, "dir", "", "generate into this folder, or measure again what an earlier run left there today")
	flag.IntVar(&w.rounds, "rounds", 20, "how often each panel is asked for")
	flag.StringVar(&only, "only", "", "only queries whose name matches this regular expression (spend/)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := errors.New("--calls and --rounds want at least 30,000 and 1")
	if w.calls >= 30_000 && w.rounds >= 1 {
		if w.only, err = regexp.Compile(only); err == nil {
			err = run(ctx, w)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-dashboards:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w what) (err error) {
	dir := w.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "tollkeeper-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	server, err := engine.Start(ctx, engine.Config{Dir: dir, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		return fmt.Errorf("start the engine (make engine fetches it): %w", err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		err = errors.Join(err, server.Close(end))
	}()
	if _, err := schema.Apply(ctx, server.URL("bench"), schema.DefaultOptions()); err != nil {
		return err
	}
	conn, err := schema.OpenPatient(server.URL("bench"))
	if err != nil {
		return err
	}
	defer conn.Close()
	g := generator{conn: conn, calls: w.calls, now: time.Now().UTC().Truncate(time.Second)}
	rows, err := g.fill(ctx)
	if err != nil {
		return err
	}
	m := meter{url: server.URL("bench"), pid: server.Pid(), rounds: w.rounds, only: w.only, now: time.Now().UTC().Truncate(time.Second)}
	panels, err := m.all(ctx)
	if err != nil {
		return err
	}
	return goals.Write(os.Stdout, "DASHBOARDS", append(rows, panels...), w.asJSON)
}
