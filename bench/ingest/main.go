// Command ingest measures how fast a backlog of calls gets from the embedded broker into the embedded engine, beside the
// engine's own insert of the same rows from a file, and where the CPU time goes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	engine "github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/embedded/kafka"
	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/schema"
)

func main() {
	engine.RunChildIfAsked()
	asJSON := flag.Bool("json", os.Getenv("JSON") != "", "one JSON object per row")
	calls := flag.Int("calls", 4_000_000, "calls of the backlog; a tenth of it has to fill what ingest holds in memory, which 400,000 calls do and 200,000 don't")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *calls, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "bench-ingest:", err)
		os.Exit(1)
	}
}

type bench struct {
	ctx    context.Context
	dir    string
	server *engine.Server
	broker *kafka.Server
	url    string
	conn   driver.Conn
}

func run(ctx context.Context, out io.Writer, calls int, asJSON bool) (err error) {
	b := &bench{ctx: ctx}
	if b.dir, err = os.MkdirTemp("", "tollkeeper-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	if b.server, err = engine.Start(ctx, engine.Config{Dir: filepath.Join(b.dir, "engine"), Log: quiet}); err != nil {
		return fmt.Errorf("start the engine (make engine fetches it): %w", err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		err = errors.Join(err, b.server.Close(end))
	}()
	k := kafka.DefaultConfig()
	k.Dir, k.Log, k.MinFree = filepath.Join(b.dir, "kafka"), quiet, 0
	if b.broker, err = kafka.Start(ctx, k); err != nil {
		return err
	}
	defer b.broker.Close()
	b.url = b.server.URL("bench")
	if _, err := schema.Apply(ctx, b.url, schema.DefaultOptions()); err != nil {
		return err
	}
	if b.conn, err = schema.OpenPatient(b.url); err != nil {
		return err
	}
	defer b.conn.Close()
	rows, err := b.measure(calls)
	if err != nil {
		return err
	}
	return goals.Write(out, "INGEST", rows, asJSON)
}

func (b *bench) measure(calls int) ([]goals.Row, error) {
	progress("a tenth of the calls, to warm up and to compare memory")
	first, err := b.catchUp(0, calls/10)
	if err != nil {
		return nil, err
	}
	progress("a backlog of %d calls", calls)
	full, err := b.catchUp(calls/10, calls)
	if err != nil {
		return nil, err
	}
	progress("waiting until the engine has merged what is left")
	merges, err := b.quiet()
	if err != nil {
		return nil, err
	}
	progress("the engine's own insert of the same rows")
	file, err := b.export()
	if err != nil {
		return nil, err
	}
	own, err := b.ownSpeed("again", file, "", calls+calls/10)
	if err != nil {
		return nil, err
	}
	bare, err := b.ownSpeed("bare", file, " SETTINGS optimize_on_insert = 0", calls+calls/10)
	if err != nil {
		return nil, err
	}
	rate := float64(calls) / full.wall.Seconds()
	ownRate, bareRate := float64(own.rows)/own.wall.Seconds(), float64(bare.rows)/bare.wall.Seconds()
	perMillion := func(d time.Duration, n int) string {
		return fmt.Sprintf("%.2f", d.Seconds()/float64(n)*1e6)
	}
	all := (full.engine + full.own).Seconds() / float64(full.rows)
	share := func(c cost) string { return fmt.Sprintf("%.0f", 100*c.engine.Seconds()/float64(c.rows)/all) }
	rows := []goals.Row{
		goals.Told("calls caught up", fmt.Sprint(calls)),
		goals.Told("calls/s", fmt.Sprintf("%.0f", rate)),
		goals.Told("the engine's own insert from a file, rows/s", fmt.Sprintf("%.0f", ownRate)),
		goals.AtLeast("ingest / the engine alone, %", "%.0f", 100*rate/ownRate, 40),
		goals.Told("the same without looking for copies (optimize_on_insert = 0, as ingest asks), rows/s", fmt.Sprintf("%.0f", bareRate)),
		goals.Told("ingest / that, %", fmt.Sprintf("%.0f", 100*rate/bareRate)),
		goals.Told("by CPU, which a busy machine distorts less: the engine alone / engine and ingest, %", share(own)),
		goals.Told("  without looking for copies, %", share(bare)),
		goals.Told("an hour's backlog at 5,000 calls/s is caught up in, min", fmt.Sprintf("%.1f", 3600*5000/rate/60)),
		goals.AtMost("heap with ten times the backlog / with one", "%.2f", float64(full.heap)/float64(first.heap), 1.5),
		goals.Told("heap at most, MB", fmt.Sprint(full.heap>>20)),
		goals.Told("engine, CPU-s per million calls", perMillion(full.engine, calls)),
		goals.Told("engine, merging what is left, CPU-s per million calls", perMillion(merges, calls)),
		goals.Told("engine's own insert, CPU-s per million calls", perMillion(own.engine, own.rows)),
		goals.Told("engine's own insert without looking for copies, likewise", perMillion(bare.engine, bare.rows)),
		goals.Told("ingest and broker, CPU-s per million calls", perMillion(full.own, calls)),
	}
	for _, s := range full.stages {
		rows = append(rows, goals.Told("  "+s.name, perMillion(s.cpu, calls)))
	}
	return rows, nil
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "… "+format+"\n", args...) }
