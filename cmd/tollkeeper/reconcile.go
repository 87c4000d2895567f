package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/dashboards/report/reconcile"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// bill is whose month of which provider.
type bill struct {
	provider, month string
	names           []string
}

func (b *bill) flags(c *cobra.Command) {
	c.Flags().StringVar(&b.provider, "provider", "", "whose bill it is, such as openai or anthropic")
	c.Flags().StringVar(&b.month, "month", time.Now().UTC().AddDate(0, -1, 1-time.Now().UTC().Day()).Format("2006-01"), "the month (default: the last one)")
	c.Flags().StringSliceVar(&b.names, "also", nil, "further names under which the ledger has this provider's calls")
}

func (b *bill) read(c *cobra.Command) (report.Period, []string, error) {
	month, err := report.Month(b.month)
	if err == nil && b.provider == "" {
		err = errors.New("name the provider with --provider")
	}
	if err != nil {
		return month, nil, &usageError{c.CommandPath(), err}
	}
	return month, append([]string{b.provider}, b.names...), nil
}

const reconcileLong = `Reads the exports of a provider's usage and cost (files, nothing is fetched), matches them with the ledger by day of
UTC and model, and says of each part of the difference where it comes from: calls that nobody reported, prices,
midnight, credits, commitments, tax, rounding. Each file is known by its content:

  openai     JSON of /v1/organization/costs (group_by=line_item) and /v1/organization/usage/completions
             (group_by=model, batch), pages one after the other; the cost and usage CSV of the console
  anthropic  JSON of /v1/organizations/analytics/cost (time_bucket_width=1d, group_by[]=model, cost_type,
             token_type) and …/analytics/usage (time_bucket_width=1d, group_by[]=model, service_tier); of the
             older …/cost_report (group_by[]=description) and …/usage_report/messages (group_by[]=model,
             service_tier); the cost and usage CSV of the console
  any        CSV with the columns date, amount_usd, and if known model, item, kind (usage, credit,
             commitment, tax), and tokens: fresh_input, cache_read, cache_write_5m, cache_write_1h,
             audio_input, image_input, text_output, reasoning, audio_output

With the cost export alone the amounts are compared; with the usage export beside it, missing calls and
prices are told apart. Exit code 1: more than --tolerance has no explanation.

--book books what is left to the tenant "unattributed", so that the month equals the bill: an adjustment
per reason and model, with the files' hashes as evidence. Doing it again books nothing; "reconcile undo"
takes it back. A closed month is refused; --into books into an open one, as its correction.`

const reconcileExample = `  tollkeeper reconcile --provider openai --month 2026-10 --invoice cost.csv --invoice usage.csv
  tollkeeper reconcile --provider anthropic --month 2026-10 --invoice cost.json --format csv --out october.csv
  tollkeeper reconcile --provider openai --month 2026-10 --invoice cost.csv --book --reason "bill of October"
  tollkeeper reconcile list --provider openai --month 2026-10
  tollkeeper reconcile undo 3f9c2ab417d0 --provider openai --month 2026-10 --reason "wrong file"`

func newReconcile() *cobra.Command {
	c := &cobra.Command{Use: "reconcile", Short: "Hold a provider's bill against the ledger; say where the difference comes from; book it", Args: cobra.NoArgs,
		Long: reconcileLong, Example: reconcileExample}
	load := configFlag(c)
	var of bill
	of.flags(c)
	files := c.Flags().StringArray("invoice", nil, "an export; say it once for each file")
	format := c.Flags().String("format", "table", "table, csv or json")
	tolerance := c.Flags().String("tolerance", "0.01", "how much may stay unexplained, in USD")
	book := c.Flags().Bool("book", false, "book what is left, so that the month equals the bill")
	by := bookingFlags(c)
	out := outFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		month, names, err := of.read(c)
		if err != nil {
			return err
		}
		h := heldBill{c: c, month: month, names: names}
		booking, err := by(*book)
		switch {
		case err != nil:
		case len(*files) == 0:
			err = errors.New("name the provider's export with --invoice")
		default:
			err = h.may.UnmarshalText([]byte(*tolerance))
		}
		write, known := reconcileFormats[*format]
		if err == nil && !known {
			err = fmt.Errorf("format %q: use table, csv or json", *format)
		}
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		if h.statement, err = reconcile.Read(of.provider, month, *files...); err != nil {
			return err
		}
		return withLedger(load, func(conn driver.Conn, cfg config.Config) error {
			var err error
			if h.prices, err = pricing.Load(cfg.Collector.LLMCost.PriceFiles...); err != nil {
				return err
			}
			r, books, err := h.compare(conn)
			if err != nil {
				return err
			}
			if err := out(func(w io.Writer) error { return write(r, w) }); err != nil {
				return err
			}
			if *book {
				return h.book(conn, r, books, booking)
			}
			if r.Verdict == reconcile.NotExplained {
				return fmt.Errorf("%s USD of the difference are unexplained", r.Unexplained)
			}
			return nil
		})
	}
	c.AddCommand(newReconcileList(), newReconcileUndo())
	return c
}

var reconcileFormats = map[string]func(*reconcile.Result, io.Writer) error{
	"table": (*reconcile.Result).WriteText, "csv": (*reconcile.Result).WriteCSV, "json": (*reconcile.Result).WriteJSON}

// heldBill is a bill that is held against the ledger.
type heldBill struct {
	c         *cobra.Command
	month     report.Period
	names     []string // of the provider, in the ledger
	statement *reconcile.Statement
	may       report.Amount // stay unexplained
	prices    *pricing.Book
}

// compare reads the ledger.
func (h *heldBill) compare(conn driver.Conn) (*reconcile.Result, *reconcile.Books, error) {
	books, err := reconcile.ReadBooks(h.c.Context(), conn, h.month, h.names, h.prices)
	if err != nil {
		return nil, nil, err
	}
	return reconcile.Compare(h.statement, books, h.prices, h.may), books, nil
}

// book books what is left and holds the month against the bill once more.
func (h *heldBill) book(conn driver.Conn, r *reconcile.Result, books *reconcile.Books, booking reconcile.Booking) error {
	rows, run := r.Adjustments(h.month, books, booking)
	if err := reconcile.Write(h.c.Context(), conn, rows); err != nil {
		return err
	}
	after, _, err := h.compare(conn)
	if err != nil {
		return err
	}
	return booked(h.c, rows, run, after)
}

// booked says what was booked, and that the month is the bill now.
func booked(c *cobra.Command, rows []report.Adjustment, run string, after *reconcile.Result) error {
	say := c.ErrOrStderr()
	if len(rows) == 0 {
		fmt.Fprintln(say, "nothing is left to book")
	} else {
		var sum report.Amount
		for _, a := range rows {
			sum = sum.Plus(a.Cost)
		}
		fmt.Fprintf(say, "booking %s: %d adjustments, %s USD, in %s; take it back with: tollkeeper reconcile undo %s\n", run, len(rows), sum, rows[0].Booked.Format("2006-01"), run)
	}
	if after.Difference.Sign() != 0 {
		return fmt.Errorf("the month still differs from the bill by %s USD: calls came in or somebody booked meanwhile; book again", after.Difference)
	}
	fmt.Fprintf(say, "%s equals the bill of %s: %s USD\n", after.Month, after.Provider, after.Ledger)
	return nil
}

// bookingFlags adds who, why and into which month.
func bookingFlags(c *cobra.Command) func(needed bool) (reconcile.Booking, error) {
	by := reconcile.Booking{Author: author()}
	c.Flags().StringVar(&by.Author, "author", by.Author, "who books it")
	c.Flags().StringVar(&by.Reason, "reason", "", "why; it is kept with the adjustments")
	into := c.Flags().String("into", "", "book into this month (default: the bill's own)")
	return func(needed bool) (reconcile.Booking, error) {
		if *into != "" {
			month, err := report.Month(*into)
			if err != nil {
				return by, err
			}
			by.Into = month.From
		}
		if needed && (by.Reason == "" || by.Author == "") {
			return by, errors.New("--reason (and --author) are needed to book: they are kept with the adjustments")
		}
		return by, nil
	}
}

func newReconcileList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "What was booked for a provider's month", Args: cobra.NoArgs,
		Example: "  tollkeeper reconcile list --provider openai --month 2026-10"}
	load := configFlag(c)
	var of bill
	of.flags(c)
	asJSON := c.Flags().Bool("json", false, "one JSON object per adjustment, decimals as strings")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withBookings(c, load, &of, func(_ context.Context, _ driver.Conn, books *reconcile.Books) error {
			if *asJSON {
				return writeJSON(c.OutOrStdout(), reconcile.Bookings(books))
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "BOOKING\tIN\tKIND\tMODEL\tUSD\tBY\tREASON")
			for _, b := range reconcile.Bookings(books) {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.Run, b.Booked.Format("2006-01"), b.Kind, report.Printable(b.Model), b.Cost, report.Printable(b.Author), report.Printable(b.Reason))
			}
			return w.Flush()
		})
	}
	return c
}

func newReconcileUndo() *cobra.Command {
	c := &cobra.Command{Use: "undo BOOKING", Short: "Take a booking back: of each of its adjustments the opposite is booked", Args: cobra.ExactArgs(1),
		Example: `  tollkeeper reconcile undo 3f9c2ab417d0 --provider openai --month 2026-10 --reason "wrong file"`}
	load := configFlag(c)
	var of bill
	of.flags(c)
	by := bookingFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		booking, err := by(true)
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		return withBookings(c, load, &of, func(ctx context.Context, conn driver.Conn, books *reconcile.Books) error {
			rows, err := reconcile.Undo(books, args[0], booking)
			if err != nil {
				return err
			}
			if err := reconcile.Write(ctx, conn, rows); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "booking %s is taken back: %d adjustments in %s\n", args[0], len(rows), rows[0].Booked.Format("2006-01"))
			return nil
		})
	}
	return c
}

func withBookings(c *cobra.Command, load func() (config.Config, error), of *bill, do func(context.Context, driver.Conn, *reconcile.Books) error) error {
	month, names, err := of.read(c)
	if err != nil {
		return err
	}
	return withLedger(load, func(conn driver.Conn, _ config.Config) error {
		adjustments, err := report.AdjustmentsOf(c.Context(), conn, month.From, slices.Clone(names))
		if err != nil {
			return err
		}
		return do(c.Context(), conn, &reconcile.Books{Adjustments: adjustments})
	})
}
