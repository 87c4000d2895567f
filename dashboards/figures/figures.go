package figures

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/internal/schedule"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Hour is what a tenant spent in an hour.
type Hour struct {
	Spend ledger.Sum
	Calls uint64
}

// Forecast is what a period comes to at its end.
type Forecast struct {
	Total ledger.Sum
	How   string
	OK    bool // false: there is too little to go by
}

// Deps is what the role works with.
type Deps struct {
	ClickHouse string // URL of the ledger
	Log        *slog.Logger
	Metrics    prometheus.Registerer
	Quotas     map[string]int64 // tokens a minute by provider/model, as the alerts know them
	Book       func() (*pricing.Book, error)
	// Budgets are all budgets that are watched, as they stand; nil: none are told.
	Budgets func(ctx context.Context, conn driver.Conn, now time.Time) ([]BudgetState, error)
	// Project foresees a period's spend from the hours before now (start in Unix seconds) and what was spent in it so far.
	Project func(hours map[int64]Hour, spent ledger.Sum, from, now, to time.Time) (Forecast, error)
}

// Figures is the role.
type Figures struct {
	cfg   Config
	deps  Deps
	conn  driver.Conn
	gauge *gauges

	mu     sync.Mutex
	failed map[string]error // the last run of each job
}

// gaugesEvery is how old the numbers on /metrics get.
const gaugesEvery = "@every 15s"

// New connects on first use.
func New(cfg Config, deps Deps) (*Figures, error) {
	conn, err := schema.Open(deps.ClickHouse)
	if err != nil {
		return nil, err
	}
	f := &Figures{cfg: cfg, deps: deps, conn: conn, gauge: newGauges(), failed: map[string]error{}}
	if deps.Metrics != nil {
		if err := deps.Metrics.Register(f.gauge); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("register the gauges per tenant: %w", err)
		}
	}
	return f, nil
}

// Ready always is: boards say by themselves what is old.
func (f *Figures) Ready(context.Context) error { return nil }

// Run computes at start and by schedule until ctx ends.
func (f *Figures) Run(ctx context.Context) error {
	defer f.conn.Close()
	var jobs []schedule.Job
	for _, job := range []struct {
		name, spec string
		do         func(context.Context) error
	}{
		{"figures", f.cfg.Every, f.Compute},
		{"gauges", gaugesEvery, f.Refresh},
		{"budgets", budgetsEvery, f.WriteBudgets},
	} {
		if job.name == "budgets" && f.deps.Budgets == nil {
			continue
		}
		when, err := schedule.Parse(job.spec)
		if err != nil {
			return fmt.Errorf("dashboards.every: schedule %q: %w", job.spec, err)
		}
		jobs = append(jobs, schedule.Job{Name: job.name, When: when, AtStart: true, Do: func() { f.job(ctx, job.name, job.do) }})
	}
	schedule.New(f.deps.Log, jobs...).Run(ctx)
	return nil
}

// jobLimit bounds one run of a job.
const jobLimit = 2 * time.Minute

func (f *Figures) job(ctx context.Context, name string, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, jobLimit)
	defer cancel()
	err := do(ctx)
	f.mu.Lock()
	before := f.failed[name]
	f.failed[name] = err
	f.mu.Unlock()
	if err != nil && ctx.Err() == nil && (before == nil || before.Error() != err.Error()) { // said once, not every few seconds
		f.deps.Log.Warn("figures for boards are not renewed", "job", name, "error", err)
	}
}

// Compute writes the configuration's numbers, the forecasts of this month, and the chargeback of this month and the last.
func (f *Figures) Compute(ctx context.Context) error {
	now := time.Now().UTC()
	if err := f.writeFigures(ctx, now); err != nil {
		return err
	}
	if err := f.writeForecasts(ctx, now); err != nil {
		return err
	}
	book, err := f.deps.Book()
	if err != nil {
		return fmt.Errorf("price book for the chargeback: %w", err)
	}
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	for _, from := range []time.Time{month.AddDate(0, -1, 0), month} {
		if err := f.writeChargeback(ctx, report.Period{From: from, To: from.AddDate(0, 1, 0)}, book, now); err != nil {
			return err
		}
	}
	return nil
}

type figure struct{ name, key, value string }

// configured are the numbers of the configuration, in the order of name and key.
func (f *Figures) configured() (out []figure) {
	if f.cfg.EgressUSD != "" {
		out = append(out, figure{"egress_usd_per_gb", "", f.cfg.EgressUSD})
	}
	for tier, price := range f.cfg.StorageUSD {
		out = append(out, figure{"storage_usd_per_gb_month", tier, price})
	}
	for name, quota := range f.deps.Quotas {
		out = append(out, figure{"tokens_per_minute", name, fmt.Sprint(quota)})
	}
	if len(out) == 0 {
		out = append(out, figure{"none", "", "0"}) // says that nothing is configured any more
	}
	slices.SortFunc(out, func(a, b figure) int { return slices.Compare([]string{a.name, a.key}, []string{b.name, b.key}) })
	return out
}

// writeFigures writes the numbers of the configuration if they aren't what was written last.
func (f *Figures) writeFigures(ctx context.Context, now time.Time) error {
	want := f.configured()
	have, err := read(ctx, f.conn, "figures/newest", nil, func(rows driver.Rows, x *figure) error { return rows.Scan(&x.name, &x.key, &x.value) })
	if err != nil {
		return err
	}
	if slices.EqualFunc(want, have, func(a, b figure) bool { return a.name == b.name && a.key == b.key && sameAmount(a.value, b.value) }) {
		return nil
	}
	return f.insert(ctx, "figures/insert_figures", func(b driver.Batch) error {
		for _, x := range want {
			if err := b.Append(x.name, x.key, x.value, now); err != nil {
				return err
			}
		}
		return nil
	})
}

func sameAmount(a, b string) bool {
	x, err1 := ledger.ParseSum(a)
	y, err2 := ledger.ParseSum(b)
	return err1 == nil && err2 == nil && x.Cmp(y) == 0
}

func (f *Figures) writeChargeback(ctx context.Context, p report.Period, book *pricing.Book, now time.Time) error {
	c, err := report.BuildChargeback(ctx, f.conn, p, report.ChargebackOptions{Book: book})
	if err != nil {
		return fmt.Errorf("chargeback of %s: %w", p, err)
	}
	if len(c.Bills) == 0 {
		return nil
	}
	return f.insert(ctx, "figures/insert_chargebacks", func(batch driver.Batch) error {
		for _, b := range c.Bills {
			atLeast := uint8(0)
			if b.AtLeast {
				atLeast = 1
			}
			if err := batch.Append(p.From, b.Tenant, b.Name, b.Parent, b.CostCentre, b.Owner, atLeast, b.Calls, b.Own.Sum.String(),
				b.Adjusted.Sum.String(), b.Shared.Sum.String(), b.Reserved.Sum.String(), b.Total.Sum.String(), now); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *Figures) insert(ctx context.Context, query string, fill func(driver.Batch) error) error {
	batch, err := f.conn.PrepareBatch(ctx, schema.SQL(query))
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	if err := fill(batch); err != nil {
		_ = batch.Abort()
		return fmt.Errorf("%s: %w", query, err)
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	return nil
}

func read[T any](ctx context.Context, conn driver.Conn, query string, params clickhouse.Parameters, scan func(driver.Rows, *T) error) ([]T, error) {
	if params != nil {
		ctx = clickhouse.Context(ctx, clickhouse.WithParameters(params))
	}
	rows, err := conn.Query(ctx, dashboards.WriteOut(schema.SQL(query)))
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", query, err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var one T
		if err := scan(rows, &one); err != nil {
			return nil, fmt.Errorf("read %s: %w", query, err)
		}
		out = append(out, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", query, err)
	}
	return out, nil
}

func second(t time.Time) string { return t.UTC().Format(time.DateTime) }
