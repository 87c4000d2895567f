package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/ledger/calendar"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
	"github.com/tollkeeper/tollkeeper/schema/directory"
)

func newReport() *cobra.Command {
	c := &cobra.Command{
		Use: "report", Short: "Spend of a period by tenant, model, team or another dimension; FOCUS and chargeback files", Args: cobra.NoArgs,
		Long: `Adds a period up by one dimension. Amounts are exact decimals in USD, days are days of UTC (one
tenant's report: of its time zone in the directory), the month of today is the default. "at least" marks a total that calls without a price are in; adjustments are lines of
their own; a closed month says that it is final.

Dimensions: tenant, provider, model, operation, service, environment, region, day; parent, cost_centre and
owner, each day under who the tenant directory names for it; and team, key, user, agent, feature, prompt, which
keep the thousand dearest values of a day.`,
		Example: `  tollkeeper report --month 2026-11
  tollkeeper report --days 7 --by model --tenant acme
  tollkeeper report --from 2026-11-01 --to 2026-11-15 --by team --format csv --out teams.csv
  tollkeeper report focus --month 2026-11 --out focus.csv
  tollkeeper report chargeback --month 2026-11`,
	}
	load := configFlag(c)
	period := periodFlags(c)
	tenant := tenantFlag(c)
	zone := c.Flags().String("time-zone", "", "whose days they are, like Europe/Berlin (default: the tenant's by the directory with --tenant, else UTC)")
	by := c.Flags().String("by", "tenant", "dimension")
	top := c.Flags().Int("top", 0, "keep this many lines and add the others up in one (0: all)")
	format := c.Flags().String("format", "table", "table, csv, json or html")
	wide := c.Flags().Bool("wide", false, "all columns of the table, also beyond 80 characters")
	out := outFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := period()
		if err != nil {
			return err
		}
		q := report.Query{Period: p, Tenant: tenant(), Dimension: *by, Top: *top}
		where, err := calendar.Zone(*zone)
		if err == nil {
			err = q.Validate()
		}
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		write, known := map[string]func(*report.Report, io.Writer) error{"table": (*report.Report).WriteText, "csv": (*report.Report).WriteCSV,
			"json": (*report.Report).WriteJSON, "html": (*report.Report).WriteHTML}[*format]
		if !known {
			return &usageError{c.CommandPath(), fmt.Errorf("format %q: use table, csv, json or html", *format)}
		}
		if *wide && *format == "table" {
			write = (*report.Report).WriteWide
		}
		return withLedger(load, func(conn driver.Conn, cfg config.Config) error {
			q.Period, q.Kept = p.In(where), cfg.Schema.Retention
			if q.Tenant != nil && *zone == "" {
				d, err := directory.Read(c.Context(), conn)
				if err != nil {
					return err
				}
				q.Period = p.Within(d.Span(*q.Tenant, p.From, p.To), d.Zone(*q.Tenant, p.Last()))
			}
			if err := q.Validate(); err != nil {
				return &usageError{c.CommandPath(), err}
			}
			var err error
			if q.Book, err = pricing.Load(cfg.Collector.LLMCost.PriceFiles...); err != nil {
				return err
			}
			r, err := report.Build(c.Context(), conn, q)
			if err != nil {
				return err
			}
			return out(func(w io.Writer) error { return write(r, w) })
		})
	}
	c.AddCommand(newReportFocus(), newReportValidate(), newReportChargeback(), newReportRerated())
	return c
}

// withLedger opens the configured database.
func withLedger(load func() (config.Config, error), do func(driver.Conn, config.Config) error) error {
	cfg, err := load()
	if err != nil {
		return err
	}
	conn, err := schema.Open(cfg.DatabaseURL())
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(conn, cfg)
}

func periodFlags(c *cobra.Command) func() (report.Period, error) {
	month := c.Flags().String("month", "", "a month, such as 2026-11 (default: the month of today)")
	days := c.Flags().Int("days", 0, "the last days, today included")
	from := c.Flags().String("from", "", "first day, such as 2026-11-01")
	to := c.Flags().String("to", "", "last day, included")
	return func() (report.Period, error) {
		p, err := report.Choose(*month, *days, *from, *to, time.Now())
		if err != nil {
			return p, &usageError{c.CommandPath(), err}
		}
		return p, nil
	}
}

func tenantFlag(c *cobra.Command) func() *string {
	tenant := c.Flags().String("tenant", "", "only this tenant (default: all)")
	return func() *string {
		if !c.Flags().Changed("tenant") {
			return nil
		}
		return tenant
	}
}

// outFlag adds --out and returns a function that writes there, or to stdout. A file appears whole or not at all.
func outFlag(c *cobra.Command) func(func(io.Writer) error) error {
	path := c.Flags().String("out", "", "write to this file (default: stdout)")
	return func(write func(io.Writer) error) error {
		if *path == "" {
			return write(c.OutOrStdout())
		}
		f, err := os.Create(*path + ".part")
		if err != nil {
			return fmt.Errorf("write %s: %w", *path, err)
		}
		defer os.Remove(f.Name())
		err = write(f)
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err == nil {
			err = os.Rename(f.Name(), *path)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", *path, err)
		}
		return nil
	}
}
