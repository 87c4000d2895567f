package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/internal/config"
)

func newReportRerated() *cobra.Command {
	c := &cobra.Command{
		Use: "rerated", Short: "Spend of a period as it was charged and as it is re-rated", Args: cobra.NoArgs,
		Long: `Shows a period's spend by the prices with which its calls came (as charged), by those of the last re-rate (as re-rated), what
totals have, and every re-rate that changed it: who, why, by which price book. Calls that came late into closed months are
adjustments and in neither.`,
		Example: `  tollkeeper report rerated --month 2026-10
  tollkeeper report rerated --month 2026-10 --by model --tenant acme --format csv --out rerated.csv`,
	}
	load := configFlag(c)
	period := periodFlags(c)
	tenant := tenantFlag(c)
	by := c.Flags().String("by", "tenant", strings.Join(report.ReratedBy, ", "))
	format := c.Flags().String("format", "table", "table, csv or json")
	out := outFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := period()
		if err != nil {
			return err
		}
		write, known := map[string]func(*report.Rerated, io.Writer) error{"table": (*report.Rerated).WriteText, "csv": (*report.Rerated).WriteCSV,
			"json": (*report.Rerated).WriteJSON}[*format]
		if !known {
			return &usageError{c.CommandPath(), fmt.Errorf("format %q: use table, csv or json", *format)}
		}
		return withLedger(load, func(conn driver.Conn, _ config.Config) error {
			r, err := report.BuildRerated(c.Context(), conn, report.Query{Period: p, Tenant: tenant(), Dimension: *by})
			if err != nil {
				return err
			}
			return out(func(w io.Writer) error { return write(r, w) })
		})
	}
	return c
}
