package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/pricing"
)

func newPricesDiff() *cobra.Command {
	c := &cobra.Command{
		Use: "diff OLD NEW", Short: "What changes from one price book, or one day, to another, in percent; and what it would have cost", Args: cobra.ExactArgs(2),
		Long: `OLD and NEW are each one of
  builtin            the built-in prices
  config             those with the price files of the configuration
  FILE[,FILE…]       price files laid over the built-in prices
  2026-01-31         the configuration's book as it is in force on that day
Two days are held against each other as they are in force; two books with all that they ever had, or with --at as
they are in force on a day. With --from and --to every call of these days is priced by both books, each at its
own time, and the sums stand side by side: nothing is written. A change for a time that has passed is said, with
the command that prices it again.`,
		Example: `  tollkeeper prices diff builtin negotiated.yaml
  tollkeeper prices diff 2026-01-01 2026-11-01 --model gpt-4o
  tollkeeper prices diff config prices-2027.yaml --from 2026-11-01 --to 2026-11-30`,
	}
	load := configFlag(c)
	at := c.Flags().String("at", "", "only what is in force on this day or moment")
	model := c.Flags().String("model", "", "only models whose name contains this")
	from := c.Flags().String("from", "", "first day of calls to price by both books, such as 2026-11-01")
	to := c.Flags().String("to", "", "last day, included (default: the first)")
	asJSON := c.Flags().Bool("json", false, "one JSON object per row, decimals as strings")
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		when, err := moment("at", *at)
		var sides [2]bookSide
		for i := range sides {
			if err == nil {
				sides[i], err = readSide(args[i], cfg.Collector.LLMCost.PriceFiles, when)
			}
		}
		var period report.Period
		switch {
		case err != nil:
		case sides[0].day != sides[1].day:
			err = errors.New("a day and a book: give two days, or two books and --at")
		case *from != "":
			period, err = report.Days(*from, *to)
		case *to != "":
			err = errors.New("--to without --from: give both")
		}
		if err == nil && *from != "" && sides[0].day {
			err = errors.New("--from with two days: a call is priced by the day it is of; give two books")
		}
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		return diffPrices(c, cfg, sides, period, *model, *asJSON)
	}
	return c
}

// bookSide is one of the two that are held against each other.
type bookSide struct {
	book *pricing.Book
	at   time.Time
	day  bool // the argument was a day
}

func readSide(arg string, files []string, at time.Time) (bookSide, error) {
	if day, err := time.Parse(time.DateOnly, arg); err == nil {
		book, err := pricing.Load(files...)
		return bookSide{book, day, true}, err
	}
	switch arg {
	case "config":
	case "builtin":
		files = nil
	default:
		files = strings.Split(arg, ",")
	}
	book, err := pricing.Load(files...)
	return bookSide{book, at, false}, err
}

func diffPrices(c *cobra.Command, cfg config.Config, sides [2]bookSide, period report.Period, model string, asJSON bool) error {
	out, now := c.OutOrStdout(), time.Now().UTC()
	has := func(name string) bool { return strings.Contains(name, strings.ToLower(model)) }
	var all []pricing.Difference
	for _, d := range pricing.Diff(sides[0].book, sides[1].book, sides[0].at, sides[1].at) {
		if has(d.Model) {
			all = append(all, d)
		}
	}
	var past []pricing.Past
	if !sides[0].day {
		for _, p := range pricing.ChangedPast(sides[0].book, sides[1].book, now) {
			if has(p.Model) {
				past = append(past, p)
			}
		}
	}
	var costs []report.Repriced
	if !period.From.IsZero() {
		err := withLedger(func() (config.Config, error) { return cfg, nil }, func(conn driver.Conn, _ config.Config) (err error) {
			costs, err = report.Reprice(c.Context(), conn, period, sides[0].book, sides[1].book, has)
			return err
		})
		if err != nil {
			return err
		}
	}
	if asJSON {
		if err := writeJSON(out, all); err != nil {
			return err
		}
		return writeJSON(out, costs)
	}
	if err := pricing.WriteDiff(out, all); err != nil {
		return err
	}
	if len(past) > 0 {
		fmt.Fprintf(out, "\n%s\n", pastText(past, now))
	}
	if !period.From.IsZero() {
		fmt.Fprintln(out)
		return report.WriteRepriced(out, period, costs)
	}
	return nil
}

// pastText says that prices of a time that has passed change, and what to do.
func pastText(past []pricing.Past, now time.Time) string {
	return fmt.Sprintf("Prices of %d models change for a time that has passed. Calls of that time keep what they were charged; to price them again:\n  %s",
		len(past), pricing.Rerate(past, now))
}
