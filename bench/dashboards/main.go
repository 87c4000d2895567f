// Command dashboards measures every panel of every board over calls generated in the embedded engine: p50 and p95 of the
// time that the database takes, held against DESIGN's 100 ms.
package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/dashboards"
	engine "github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/schema"
)

const (
	days   = 30
	rounds = 7
	goal   = 0.100 // seconds at p95
	trace  = "00000000000000000000000000000007"
)

func main() {
	engine.RunChildIfAsked()
	asJSON := flag.Bool("json", os.Getenv("JSON") != "", "one JSON object per row")
	calls := flag.Int("calls", 2_000_000, "how many calls lie behind the panels, over thirty days")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *calls, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "bench-dashboards:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, calls int, asJSON bool) (err error) {
	dir, err := os.MkdirTemp("", "tollkeeper-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
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
	conn, err := schema.Open(server.URL("bench"))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := fill(ctx, conn, calls); err != nil {
		return err
	}
	return measure(ctx, conn, calls, asJSON)
}

// fill stores the calls a day at a time, and what their rollups come to: 200 tenants, 30 models, 5 teams each, 2,000 users.
func fill(ctx context.Context, conn driver.Conn, calls int) error {
	for _, step := range []struct {
		name       string
		statements []string
		days       int
	}{{"calls", []string{callsOfDay}, days}, {"windows", windowsOfDay, days + 1}} {
		for day := range step.days {
			fmt.Fprintf(os.Stderr, "%s of day %d of %d\n", step.name, day+1, step.days)
			for _, statement := range step.statements {
				text := strings.NewReplacer("{day}", fmt.Sprint(day), "{calls}", fmt.Sprint(calls/days)).Replace(statement)
				if err := conn.Exec(ctx, text); err != nil {
					return fmt.Errorf("day %d: %.80s: %w", day, text, err)
				}
			}
		}
	}
	return nil
}

func measure(ctx context.Context, conn driver.Conn, calls int, asJSON bool) error {
	rows := []goals.Row{goals.Told("calls behind the panels", fmt.Sprint(calls))}
	now := time.Now().UTC()
	variables := map[string]string{"tenant": hex.EncodeToString([]byte("tenant-7")), "trace": trace}
	for _, b := range dashboards.All() {
		back, err := time.ParseDuration(strings.TrimPrefix(b.From, "now-"))
		if err != nil {
			return fmt.Errorf("board %s: range %q: %w", b.UID, b.From, err)
		}
		r := dashboards.Range{From: now.Add(-back), To: now}
		for _, row := range b.Rows {
			for _, p := range row.Panels {
				text, err := dashboards.Expand(p.SQL(), r, r.Step(100), variables)
				if err != nil {
					return err
				}
				var took []float64
				for range rounds {
					began := time.Now()
					if err := drain(ctx, conn, text); err != nil {
						return fmt.Errorf("%s: %w", p.Query, err)
					}
					took = append(took, time.Since(began).Seconds())
				}
				slices.Sort(took)
				one := goals.AtMost(fmt.Sprintf("%s / %s, p95 s (p50 %.3f)", b.Title, p.Title, took[rounds/2]), "%.3f", took[rounds-1], goal)
				rows = append(rows, one)
			}
		}
	}
	return goals.Write(os.Stdout, "DASHBOARDS", rows, asJSON)
}

func drain(ctx context.Context, conn driver.Conn, text string) error {
	rows, err := conn.Query(ctx, text)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}
