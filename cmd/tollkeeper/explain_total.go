package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/dashboards/explain"
	"github.com/tollkeeper/tollkeeper/ledger/calendar"
	"github.com/tollkeeper/tollkeeper/schema"
	"github.com/tollkeeper/tollkeeper/schema/directory"
)

func newExplainTotal() *cobra.Command {
	c := &cobra.Command{
		Use: "total", Short: "Everything behind a tenant's day or month: calls by rule, price and source, settlement, adjustments", Args: cobra.NoArgs,
		Long: `Shows the number that dashboards and reports show for a tenant, and what it is made of: the calls by the rule
that read them, the price that was applied and where the tenant came from, with the raw counts of their spans; how
many reports gave way to others; and the adjustments. The parts add up to the number, to 10⁻¹² USD. It reads raw
rows, so it reaches back as far as they are kept.`,
		Example: `  tollkeeper explain total --tenant acme --day 2026-11-24
  tollkeeper explain total --tenant acme --month 2026-11 --model gpt-4o-mini
  tollkeeper explain total --tenant acme --day 2026-10-25 --time-zone Europe/Berlin --json`,
	}
	load := configFlag(c)
	asJSON := c.Flags().Bool("json", false, "one JSON object, decimals as strings")
	day := c.Flags().String("day", "", "a day like 2026-11-24")
	month := c.Flags().String("month", "", "a month like 2026-11")
	zone := c.Flags().String("time-zone", "", "whose day or month it is, like Europe/Berlin (default: the tenant's by the directory, else UTC)")
	var q explain.Query
	c.Flags().StringVar(&q.Tenant, "tenant", "", "the tenant")
	c.Flags().StringVar(&q.Model, "model", "", "only this model, as it is stored")
	c.RunE = func(c *cobra.Command, _ []string) error {
		var err error
		if q.Span, err = spanOf(*day, *month, *zone); err == nil && q.Tenant == "" {
			err = errors.New("name the tenant with --tenant")
		}
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		cfg, err := load()
		if err != nil {
			return err
		}
		conn, err := schema.Open(cfg.DatabaseURL())
		if err != nil {
			return err
		}
		defer conn.Close()
		if *zone == "" {
			d, err := directory.Read(c.Context(), conn)
			if err != nil {
				return err
			}
			if *day == "" && *month == "" { // today, there
				q.Span = calendar.Day(time.Now(), d.Zone(q.Tenant, time.Now()))
			} else {
				q.Span = d.Span(q.Tenant, q.Span.From, q.Span.To)
			}
		}
		total, err := explain.Explain(c.Context(), conn, q)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(c.OutOrStdout(), []*explain.Total{total})
		}
		return total.WriteText(c.OutOrStdout())
	}
	return c
}

// spanOf is the day or month that flags name; neither is today.
func spanOf(day, month, zone string) (calendar.Span, error) {
	where, err := calendar.Zone(zone)
	span := calendar.Span{}
	switch {
	case err != nil:
	case day != "" && month != "":
		err = errors.New("a day and a month exclude each other: give one")
	case day != "":
		span, err = calendar.ParseDay(day, where)
	case month != "":
		span, err = calendar.ParseMonth(month, where)
	default:
		span = calendar.Day(time.Now(), where)
	}
	if err == nil && (span.From.Year() < 2002 || span.To.Year() > 2100) { // as for reports
		err = fmt.Errorf("%s: want years from 2002 to 2100", cmp.Or(day, month))
	}
	return span, err
}
