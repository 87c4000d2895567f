package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/dashboards/report/focus"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/pricing"
)

func newReportFocus() *cobra.Command {
	c := &cobra.Command{
		Use: "focus", Short: "A month as a FOCUS " + focus.Version + " dataset (CSV)", Args: cobra.NoArgs,
		Long: `Writes a row per day, tenant, provider and model, and a row per adjustment; what corrects an earlier month
is a Correction. An empty field is a null. Columns of our own begin with x_. The same month gives the same
bytes, and its BilledCost adds up to the report's sum.`,
		Example: `  tollkeeper report focus --month 2026-11 --out focus.csv
  tollkeeper report focus --month 2026-11 --account openai=org-123 --out focus.csv
  tollkeeper report validate focus.csv`,
	}
	load := configFlag(c)
	month := c.Flags().String("month", time.Now().UTC().Format("2006-01"), "the month")
	accounts := c.Flags().StringToString("account", nil, "provider=BillingAccountId (default: the provider's name)")
	tenant := tenantFlag(c)
	out := outFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := report.Month(*month)
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		return withLedger(load, func(conn driver.Conn, _ config.Config) error {
			state, err := report.StateOf(c.Context(), conn, p)
			if err != nil {
				return err
			}
			charges, err := report.Charges(c.Context(), conn, p, tenant())
			if err != nil {
				return err
			}
			adjustments, err := report.Adjustments(c.Context(), conn, p, tenant())
			if err != nil {
				return err
			}
			return out(func(w io.Writer) error {
				sum, err := focus.Export(w, focus.Options{Month: p, State: state, Accounts: *accounts}, charges, adjustments)
				if err == nil {
					fmt.Fprintf(c.ErrOrStderr(), "%d charges and %d adjustments of %s (%s), BilledCost %s USD\n", len(charges), len(adjustments), p, state, sum)
				}
				return err
			})
		})
	}
	return c
}

func newReportValidate() *cobra.Command {
	return &cobra.Command{
		Use: "validate FILE", Short: "Check a FOCUS file against the specification's rules; exits 1 if it breaks one", Args: cobra.ExactArgs(1),
		Example: "  tollkeeper report validate focus.csv",
		RunE: func(c *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			result, err := focus.Validate(f)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			out := c.OutOrStdout()
			for _, p := range result.Problems {
				fmt.Fprintln(out, p)
			}
			verdict := "ok"
			if !result.Valid() {
				verdict = "short"
			}
			fmt.Fprintf(out, "FOCUS: got %d rows against %d rules of FOCUS %s, %d broken (goal no MUST broken) %s\n", result.Rows, result.Rules, focus.Version,
				len(result.Problems), verdict)
			if !result.Valid() {
				return errors.New("the file breaks the specification")
			}
			return nil
		},
	}
}

func newReportChargeback() *cobra.Command {
	c := &cobra.Command{
		Use: "chargeback", Short: "Who pays what of a period, with parent, cost centre and owner, shared and reserved cost handed out", Args: cobra.NoArgs,
		Long: `Hands out, so that the parts are exactly the whole:
- the spend of tenants whose attribute shared is "true" in the directory (and, with --spread-unattributed, of
  calls without a tenant) in proportion to the others' own spend;
- fixed amounts for reserved capacity (reserved: in price files) by the tokens that it served; what served
  nothing goes by own spend to those it may serve.
A tenant that changed hands (tollkeeper tenants) has a row for each owner: a day's spend, and an adjustment for it,
goes to who the directory names for that day.`,
		Example: "  tollkeeper report chargeback --month 2026-11\n  tollkeeper report chargeback --month 2026-11 --format csv --out chargeback.csv",
	}
	load := configFlag(c)
	period := periodFlags(c)
	spread := c.Flags().Bool("spread-unattributed", false, "hand out what names no tenant")
	format := c.Flags().String("format", "table", "table, csv or json")
	out := outFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := period()
		if err != nil {
			return err
		}
		write, known := map[string]func(*report.Chargeback, io.Writer) error{"table": (*report.Chargeback).WriteText, "csv": (*report.Chargeback).WriteCSV,
			"json": func(b *report.Chargeback, w io.Writer) error { return writeJSON(w, b.Bills) }}[*format]
		if !known {
			return &usageError{c.CommandPath(), fmt.Errorf("format %q: use table, csv or json", *format)}
		}
		return withLedger(load, func(conn driver.Conn, cfg config.Config) error {
			book, err := pricing.Load(cfg.Collector.LLMCost.PriceFiles...)
			if err != nil {
				return err
			}
			bills, err := report.BuildChargeback(c.Context(), conn, p, report.ChargebackOptions{Book: book, Spread: *spread})
			if err != nil {
				return err
			}
			return out(func(w io.Writer) error { return write(bills, w) })
		})
	}
	return c
}
