// Command storage measures ways to store the reports of calls: bytes a report, speed of inserts, and every query of the
// product that reads reports, over calls generated in the embedded engine.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/bench/proc"
	engine "github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/schema"
)

func main() {
	engine.RunChildIfAsked()
	asJSON := flag.Bool("json", os.Getenv("JSON") != "", "one JSON object per row")
	calls := flag.Int("calls", 20_000_000, "how many reports each layout stores")
	only := flag.String("layouts", "today,before 0026,tenant first,granules of 32768,projection", "which of them, or all")
	rounds := flag.Int("rounds", 3, "how often each query is asked: the best counts")
	columns := flag.Bool("columns", false, "print the bytes of each column too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *calls, *only, *rounds, *columns, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "bench-storage:", err)
		os.Exit(1)
	}
}

const (
	anInsert  = 250_000 // reports
	goalBytes = 75
)

type bench struct {
	ctx           context.Context
	server        *engine.Server
	calls, rounds int
	chunk         int // reports an insert
	end           time.Time
	columns       bool
}

// result is what one layout comes to.
type result struct {
	Layout  string             `json:"layout"`
	What    string             `json:"what"`
	Bytes   float64            `json:"bytes_a_report"`
	Rate    float64            `json:"reports_a_second"` // one insert after the other
	CPU     float64            `json:"insert_cpu_s_per_million"`
	Merged  float64            `json:"merge_cpu_s_per_million"`
	Queries map[string]float64 `json:"queries_s"`
	Asked   float64            `json:"queries_cpu_s"` // all of them once
}

func run(ctx context.Context, calls int, only string, rounds int, columns, asJSON bool) (err error) {
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
	b := &bench{ctx: ctx, server: server, calls: max(calls/anInsert, 2) * anInsert, rounds: rounds, chunk: anInsert, end: time.Now().UTC().Truncate(time.Hour), columns: columns}
	var chosen []layout
	for _, l := range layouts {
		if only == "all" || slices.Contains(strings.Split(only, ","), l.name) {
			chosen = append(chosen, l)
		}
	}
	if len(chosen) == 0 || chosen[0].name != layouts[0].name {
		return fmt.Errorf("layouts %q: want all, or %q and others, with commas between", only, layouts[0].name)
	}
	results, err := b.measure(chosen)
	if err != nil {
		return err
	}
	return write(os.Stdout, results, asJSON)
}

func (b *bench) measure(chosen []layout) ([]result, error) {
	source, err := b.database("source")
	if err != nil {
		return nil, err
	}
	defer source.Close()
	if err := source.Exec(b.ctx, statement("source")); err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	for c := range b.calls / b.chunk {
		progress("making calls, %d of %d million", c*b.chunk/1_000_000, b.calls/1_000_000)
		err := source.Exec(b.ctx, statement("fill"), clickhouse.Named("chunk", uint32(c)), clickhouse.Named("calls", uint64(b.calls)), clickhouse.Named("end", b.end),
			clickhouse.Named("first", uint64(c*b.chunk)), clickhouse.Named("count", uint64(b.chunk)))
		if err != nil {
			return nil, fmt.Errorf("fill: %w", err)
		}
	}
	var out []result
	for _, l := range chosen {
		r, err := b.layout(l)
		if err != nil {
			return nil, fmt.Errorf("layout %q: %w", l.name, err)
		}
		out = append(out, r)
		progress("%s: %.1f bytes a report, %.1f CPU-s per million inserted, %.1f merged", r.Layout, r.Bytes, r.CPU, r.Merged)
	}
	return out, nil
}

func (b *bench) database(name string) (driver.Conn, error) {
	opts := schema.DefaultOptions()
	opts.Retention = schema.Retention{}
	if _, err := schema.Apply(b.ctx, b.server.URL(name), opts); err != nil {
		return nil, err
	}
	return schema.OpenPatient(b.server.URL(name))
}

// layout stores the calls one way, merges them as time would, asks the product's queries and drops them.
func (b *bench) layout(l layout) (r result, err error) {
	r = result{Layout: l.name, What: l.what, Queries: map[string]float64{}}
	conn, err := b.database("layout")
	if err != nil {
		return r, err
	}
	defer func() {
		err = errors.Join(err, conn.Exec(b.ctx, "DROP DATABASE layout"), conn.Close())
	}()
	var today string
	if err := conn.QueryRow(b.ctx, statement("create")).Scan(&today); err != nil {
		return r, err
	}
	text, err := l.create(today)
	if err != nil {
		return r, err
	}
	for _, s := range append([]string{"DROP TABLE call_reports", text}, l.after...) {
		if err := conn.Exec(b.ctx, s); err != nil {
			return r, fmt.Errorf("%.60s: %w", s, err)
		}
	}
	if err := b.insert(conn, &r); err != nil {
		return r, err
	}
	if err := b.merge(conn, &r); err != nil {
		return r, err
	}
	var rows, parts uint64
	if err := conn.QueryRow(b.ctx, statement("size")).Scan(&r.Bytes, &rows, &parts); err != nil {
		return r, err
	}
	if rows != uint64(b.calls) {
		return r, fmt.Errorf("%d reports are stored, %d were inserted", rows, b.calls)
	}
	if b.columns {
		if err := b.printColumns(conn, l.name); err != nil {
			return r, err
		}
	}
	return r, b.ask(conn, &r)
}

// insert stores the calls in the order in which they come, an insert at a time.
func (b *bench) insert(conn driver.Conn, r *result) error {
	before, err := proc.CPU(b.server.Pid())
	if err != nil {
		return err
	}
	began := time.Now()
	for c := range b.calls / b.chunk {
		progress("%s: inserting %d of %d million", r.Layout, c*b.chunk/1_000_000, b.calls/1_000_000)
		if err := conn.Exec(b.ctx, statement("insert"), clickhouse.Named("chunk", uint32(c))); err != nil {
			return fmt.Errorf("insert: %w", err)
		}
	}
	r.Rate = float64(b.calls) / time.Since(began).Seconds()
	after, err := proc.CPU(b.server.Pid())
	r.CPU = (after - before).Seconds() / float64(b.calls) * 1e6
	return err
}

func (b *bench) merge(conn driver.Conn, r *result) error {
	progress("%s: merging", r.Layout)
	before, err := proc.CPU(b.server.Pid())
	if err != nil {
		return err
	}
	rows, err := conn.Query(b.ctx, "SELECT DISTINCT partition FROM system.parts WHERE database = 'layout' AND table = 'call_reports' AND active ORDER BY partition")
	if err != nil {
		return err
	}
	defer rows.Close()
	var days []string
	for rows.Next() {
		var day string
		if err := rows.Scan(&day); err != nil {
			return err
		}
		days = append(days, day)
	}
	for _, day := range days {
		if err := conn.Exec(b.ctx, "OPTIMIZE TABLE call_reports PARTITION '"+day+"' FINAL"); err != nil {
			return fmt.Errorf("merge %s: %w", day, err)
		}
	}
	after, err := proc.CPU(b.server.Pid())
	r.Merged = (after - before).Seconds() / float64(b.calls) * 1e6
	return errors.Join(err, rows.Err())
}

func (b *bench) ask(conn driver.Conn, r *result) error {
	var s subject
	minute := b.end.Add(-30 * time.Minute)
	if err := conn.QueryRow(b.ctx, statement("one"), clickhouse.Named("minute", minute)).Scan(&s.tenant, &s.trace, &s.span, &s.minute); err != nil {
		return fmt.Errorf("find a report of %s: %w", minute, err)
	}
	s.minute = s.minute.UTC()
	asked, err := queries(s, b.end)
	if err != nil {
		return err
	}
	progress("%s: asking %d queries", r.Layout, len(asked))
	before, err := proc.CPU(b.server.Pid())
	if err != nil {
		return err
	}
	for _, q := range asked {
		if r.Queries[q.name], err = q.run(b.ctx, conn, b.rounds); err != nil {
			return err
		}
	}
	after, err := proc.CPU(b.server.Pid())
	r.Asked = (after - before).Seconds() / float64(max(1, b.rounds))
	return err
}

func (b *bench) printColumns(conn driver.Conn, name string) error {
	rows, err := conn.Query(b.ctx, statement("columns"))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var column string
		var bytes, withMarks float64
		if err := rows.Scan(&column, &bytes, &withMarks); err != nil {
			return err
		}
		fmt.Printf("%s: %s %.2f (%.2f)\n", name, column, bytes, withMarks)
	}
	return rows.Err()
}

// write prints a column for each layout, and the verdict on the first of them: what the migrations make.
func write(out io.Writer, results []result, asJSON bool) error {
	ok := results[0].Bytes <= goalBytes
	if asJSON {
		enc := json.NewEncoder(out)
		for _, r := range results {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
	} else {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		line := func(name, format string, value func(result) float64) {
			fmt.Fprint(w, name+"\t")
			for _, r := range results {
				fmt.Fprintf(w, format+"\t", value(r))
			}
			fmt.Fprintln(w)
		}
		fmt.Fprint(w, "\t")
		for _, r := range results {
			fmt.Fprint(w, r.Layout+"\t")
		}
		fmt.Fprintln(w)
		line("bytes a report", "%.1f", func(r result) float64 { return r.Bytes })
		line("reports/s, inserts one by one", "%.0f", func(r result) float64 { return r.Rate })
		line("CPU-s per million, inserts", "%.1f", func(r result) float64 { return r.CPU })
		line("CPU-s per million, merging the rest", "%.1f", func(r result) float64 { return r.Merged })
		line("all queries, s", "%.2f", func(r result) float64 {
			sum := 0.0
			for _, s := range r.Queries {
				sum += s
			}
			return sum
		})
		line("all queries, CPU-s", "%.2f", func(r result) float64 { return r.Asked })
		var names []string
		for name := range results[0].Queries {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			line(name+", ms", "%.0f", func(r result) float64 { return r.Queries[name] * 1000 })
		}
		if err := w.Flush(); err != nil {
			return err
		}
		for _, r := range results {
			fmt.Fprintf(out, "%s: %s\n", r.Layout, r.What)
		}
		fmt.Fprintf(out, "STORAGE: got %.1f (goal <= %d bytes a report) %s\n", results[0].Bytes, goalBytes, map[bool]string{true: "ok", false: "short"}[ok])
	}
	if !ok {
		return fmt.Errorf("%.1f bytes a report: %d are wanted", results[0].Bytes, goalBytes)
	}
	return nil
}

func hexed(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "… "+format+"\n", args...) }
