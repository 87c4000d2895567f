package year

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	engine "github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/internal/testkit/s3test"
	"github.com/tollkeeper/tollkeeper/schema"
	"github.com/tollkeeper/tollkeeper/schema/storage"
	"github.com/tollkeeper/tollkeeper/schema/tiers"
)

// Config says how much is stored.
type Config struct {
	PerDay   int               // reports a day; as many spans on the days that keep them
	Prices   map[string]string // USD per GB and month, by tier
	Wait     time.Duration     // how long the parts may take to move
	Progress func(format string, args ...any)
}

// DefaultConfig is a thousand reports a day, at list prices of local disks and S3 in 2026: NVMe, HDD, standard buckets.
func DefaultConfig() Config {
	return Config{PerDay: 1000, Prices: map[string]string{"hot": "0.08", "warm": "0.045", "cold": "0.023"}, Wait: 10 * time.Minute, Progress: func(string, ...any) {}}
}

const days = 365

// What the year is made of: a statement for each table, with how many days it keeps.
var made = []struct {
	table string
	keep  int
	text  string
}{
	{"call_reports", days, `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, received, duration_ns, provider, model, user, fresh_input, text_output, cost_input, cost_output)
		WITH toStartOfMinute(now('UTC') - toIntervalDay(intDiv(number, {perDay:UInt64})) - toIntervalMinute(number % 60)) AS at
		SELECT at, concat('tenant-', toString(number % 7)), reinterpret(sipHash128(number), 'FixedString(16)'), reinterpret(sipHash64(number), 'FixedString(8)'), 1,
			at, at, 200000000 + sipHash64(number) % 9000000000, 'openai', concat('model-', toString(number % 5)), concat('user-', toString(number % 300)),
			number % 4000, number % 700, toDecimal64(number % 4000, 12) / 400000, toDecimal64(number % 700, 12) / 100000
		FROM numbers({perDay:UInt64} * {days:UInt64}) SETTINGS max_partitions_per_insert_block = 400`},
	{"spans", 29, `INSERT INTO spans (minute, tenant, trace_id, span_id, start, name, attributes, version)
		WITH toStartOfMinute(now('UTC') - toIntervalDay(intDiv(number, {perDay:UInt64})) - toIntervalMinute(number % 60)) AS at
		SELECT at, concat('tenant-', toString(number % 7)), reinterpret(sipHash128(number), 'FixedString(16)'), reinterpret(sipHash64(number), 'FixedString(8)'),
			at, 'chat', map('gen_ai.request.model', concat('model-', toString(number % 5)), 'gen_ai.prompt', repeat(hex(sipHash64(number % 100)), 20)), 1
		FROM numbers({perDay:UInt64} * {days:UInt64}) SETTINGS max_partitions_per_insert_block = 400`},
	{"cost_hour", days, `INSERT INTO cost_hour (window, n, worker, tenant, provider, model, calls, cost)
		SELECT toStartOfHour(now('UTC')) - toIntervalHour(number), 1, 1, concat('tenant-', toString(number % 7)), 'openai', 'model-1', number, toDecimal128(number, 12) / 1000
		FROM numbers(24 * {days:UInt64}) SETTINGS max_partitions_per_insert_block = 400`},
}

// Run stores the year below dir and writes the storage report and the goals. The error says how many goals were missed.
func Run(ctx context.Context, out io.Writer, dir string, cfg Config, asJSON bool) (err error) {
	bucket, err := s3test.Start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bucket.Close()) }()
	server, err := engine.Start(ctx, engine.Config{Dir: dir, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Tiers: tiers.Config{Cold: tiers.Disk{S3: tiers.S3{Endpoint: bucket.Endpoint("tollkeeper"), AccessKeyID: "year", SecretAccessKey: "year"}}}})
	if err != nil {
		return fmt.Errorf("start the engine (make engine fetches it): %w", err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		err = errors.Join(err, server.Close(end))
	}()
	opts := schema.DefaultOptions()
	opts.Policy = tiers.Policy
	if _, err := schema.Apply(ctx, server.URL("year"), opts); err != nil {
		return err
	}
	conn, err := schema.Open(server.URL("year"))
	if err != nil {
		return err
	}
	defer conn.Close()
	rows, report, err := prove(ctx, conn, opts, cfg)
	if err != nil {
		return err
	}
	objects, bytes, err := bucket.Objects()
	if err != nil {
		return err
	}
	rows = append(rows, goals.Told("objects in the bucket, bytes", fmt.Sprintf("%d, %d", objects, bytes)))
	if !asJSON {
		if err := report.WriteText(out); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	return goals.Write(out, "YEAR", rows, asJSON)
}

func prove(ctx context.Context, conn driver.Conn, opts schema.Options, cfg Config) ([]goals.Row, *storage.Report, error) {
	written := map[string]contents{}
	for _, m := range made {
		cfg.Progress("%d days of %s", m.keep, m.table)
		if err := conn.Exec(ctx, m.text, clickhouse.Named("perDay", uint64(cfg.PerDay)), clickhouse.Named("days", uint64(m.keep))); err != nil {
			return nil, nil, fmt.Errorf("store %s: %w", m.table, err)
		}
		c, err := read(ctx, conn, m.table)
		if err != nil {
			return nil, nil, err
		}
		written[m.table] = c
	}
	now := time.Now()
	away, parts, err := settle(ctx, conn, opts, cfg, now)
	if err != nil {
		return nil, nil, err
	}
	cfg.Progress("reading all of it back")
	differ := 0
	for table, want := range written {
		got, err := read(ctx, conn, table)
		if err != nil {
			return nil, nil, err
		}
		if got != want {
			differ++
		}
	}
	report, err := storage.Read(ctx, conn, "year", opts, cfg.Prices, now)
	if err != nil {
		return nil, nil, err
	}
	onTiers := map[string]uint64{}
	for _, r := range report.Rows {
		onTiers[r.Tier] += r.Rows
	}
	cost, ok1 := new(big.Rat).SetString(report.Cost)
	hot, ok2 := new(big.Rat).SetString(report.AllHot)
	if !ok1 || !ok2 || hot.Sign() == 0 {
		return nil, nil, fmt.Errorf("the report has no cost: %q of %q", report.Cost, report.AllHot)
	}
	share, _ := new(big.Rat).Quo(cost, hot).Float64()
	return []goals.Row{
		goals.Told("parts", fmt.Sprint(parts)),
		goals.Told("rows on hot, warm, cold", fmt.Sprintf("%d, %d, %d", onTiers["hot"], onTiers["warm"], onTiers["cold"])),
		goals.AtMost("parts that are not on their disk", "%.0f", float64(away), 0),
		goals.AtMost("tables that don't read back as they were written", "%.0f", float64(differ), 0),
		goals.AtMost("cost, of that on hot alone", "%.2f", share, 0.99),
	}, report, nil
}

// settle waits until every part is where its age at now wants it, and says how many are not when time is up.
func settle(ctx context.Context, conn driver.Conn, opts schema.Options, cfg Config, now time.Time) (away, parts int, err error) {
	end := time.Now().Add(cfg.Wait)
	for told := -1; ; {
		all, err := schema.Parts(ctx, conn, "year")
		if err != nil {
			return 0, 0, err
		}
		away = 0
		for _, p := range all {
			if _, _, ok := opts.Place(p, now); ok {
				away++
			}
		}
		if away == 0 || time.Now().After(end) {
			return away, len(all), nil
		}
		if away/50 != told {
			told = away / 50
			cfg.Progress("%d of %d parts have to move", away, len(all))
		}
		select {
		case <-ctx.Done():
			return away, len(all), ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// contents is a fingerprint of all columns of all rows.
type contents struct{ rows, sum uint64 }

func read(ctx context.Context, conn driver.Conn, table string) (c contents, err error) {
	if err := conn.QueryRow(ctx, "SELECT count(), sum(cityHash64(*)) FROM "+table).Scan(&c.rows, &c.sum); err != nil {
		return c, fmt.Errorf("read %s back: %w", table, err)
	}
	return c, nil
}
