package main

import (
	"errors"
	"fmt"
	"io"
	"os/user"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/rollup/rerate"
)

// newRerate rates calls again, dry unless asked.
func newRerate() *cobra.Command {
	c := &cobra.Command{
		Use: "rerate", Short: "Rate past calls again by today's price book: a dry run unless --apply is given", Args: cobra.NoArgs,
		Long: `Rates the calls of [from, to) again by the price book in force here (built in, and collector.llmcost.price_files), each at
its own start time, and says what changes by month, tenant and model. Without --apply that is all it does.

With --apply the calls get their new amounts and open months are rolled up again. A closed month stays as it was charged:
the difference is booked as an adjustment in the first open month, with the author and the reason. The run goes hour by hour;
one that was stopped is resumed. Author, reason, and the price books before and after are kept (tollkeeper rerate status).

--reread sorts the raw counts of each call into buckets again first, by what the emitter rule that read them says today.
Calls that arrive after the run has passed their hour keep the price that the collector gave them.`,
		Example: `  tollkeeper rerate --from 2026-10-01 --to 2026-11-01
  tollkeeper rerate --from 2026-10-01 --to 2026-11-01 --model gpt-4o --apply --reason "price cut of 1 October, read late"
  tollkeeper rerate resume
  tollkeeper rerate status`,
	}
	load := configFlag(c)
	from := c.Flags().String("from", "", "first day, or whole hour (2026-10-01T14:00:00Z), of UTC")
	to := c.Flags().String("to", "", "first day or hour after the last")
	tenant := tenantFlag(c)
	var q rerate.Request
	c.Flags().StringVar(&q.Model, "model", "", "only this model, as calls name it (default: all)")
	c.Flags().BoolVar(&q.Reread, "reread", false, "read the raw counts again, by today's emitter rules")
	apply := c.Flags().Bool("apply", false, "do it")
	dry := c.Flags().Bool("dry-run", false, "only say what would change; the default")
	author := ""
	if u, err := user.Current(); err == nil {
		author = u.Username
	}
	c.Flags().StringVar(&q.Author, "author", author, "who does it")
	c.Flags().StringVar(&q.Reason, "reason", "", "why; it is kept with the run and its adjustments")
	asJSON := c.Flags().Bool("json", false, "one JSON object, decimals as strings")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *apply && *dry {
			return &usageError{c.CommandPath(), errors.New("--apply and --dry-run: use one of them")}
		}
		q.Tenant = tenant()
		for _, f := range []struct {
			name, text string
			at         *time.Time
		}{{"from", *from, &q.From}, {"to", *to, &q.To}} {
			if f.text == "" {
				return &usageError{c.CommandPath(), fmt.Errorf("--%s is missing: a day like 2026-10-01", f.name)}
			}
			var err error
			if *f.at, err = dayOrHour(f.text); err != nil {
				return &usageError{c.CommandPath(), fmt.Errorf("--%s: %w", f.name, err)}
			}
		}
		return withRerate(c, load, func(r *rerate.Rerate) (*rerate.Result, error) {
			if *apply {
				return r.Start(c.Context(), q)
			}
			return r.Dry(c.Context(), q.Scope)
		}, *asJSON)
	}
	c.AddCommand(newRerateResume(), newRerateAbandon(), newRerateStatus())
	return c
}

func dayOrHour(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no day and no time: use 2026-10-01 or 2026-10-01T14:00:00Z", s)
}

func newRerateResume() *cobra.Command {
	c := &cobra.Command{
		Use: "resume", Short: "Go on with the re-rate that was stopped", Args: cobra.NoArgs, Example: "  tollkeeper rerate resume",
		Long: `Goes on with the re-rate that was stopped, by the same price book. If the book has changed since, it refuses: give it
the price files of then, or abandon the run and start another.`,
	}
	load := configFlag(c)
	asJSON := c.Flags().Bool("json", false, "one JSON object, decimals as strings")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withRerate(c, load, func(r *rerate.Rerate) (*rerate.Result, error) { return r.Resume(c.Context()) }, *asJSON)
	}
	return c
}

func newRerateAbandon() *cobra.Command {
	c := &cobra.Command{
		Use: "abandon", Short: "End the re-rate that was stopped; the hours that it passed stay re-rated", Args: cobra.NoArgs,
		Example: "  tollkeeper rerate abandon",
	}
	load := configFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		return app.WithRerate(cfg, nil, func(r *rerate.Rerate) error {
			run, err := r.Abandon(c.Context())
			if err != nil {
				return err
			}
			return writeRuns(c.OutOrStdout(), []rerate.Run{*run})
		})
	}
	return c
}

func newRerateStatus() *cobra.Command {
	c := &cobra.Command{
		Use: "status", Short: "Every re-rate: who, why, by which price book, how far, what it changed", Args: cobra.NoArgs,
		Example: "  tollkeeper rerate status\n  tollkeeper rerate status --json",
	}
	load := configFlag(c)
	asJSON := c.Flags().Bool("json", false, "one JSON object per re-rate, decimals as strings")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		return app.WithRerate(cfg, nil, func(r *rerate.Rerate) error {
			runs, err := r.Runs(c.Context())
			if err != nil {
				return err
			}
			if *asJSON {
				return writeJSON(c.OutOrStdout(), runs)
			}
			return writeRuns(c.OutOrStdout(), runs)
		})
	}
	return c
}

// withRerate does it with progress on stderr and writes what came of it.
func withRerate(c *cobra.Command, load func() (config.Config, error), do func(*rerate.Rerate) (*rerate.Result, error), asJSON bool) error {
	cfg, err := load()
	if err != nil {
		return err
	}
	begin, said := time.Now(), time.Now()
	progress := func(p rerate.Progress) {
		if now := time.Now(); now.Sub(said) >= time.Second {
			said = now
			left := time.Duration(float64(now.Sub(begin)) / float64(p.Done) * float64(p.Hours-p.Done)).Round(time.Second)
			fmt.Fprintf(c.ErrOrStderr(), "%s  %d of %d hours, %d calls, %d change, about %s left\n", p.Hour.Format("2006-01-02 15:04"), p.Done, p.Hours, p.Calls, p.Changed, left)
		}
	}
	return app.WithRerate(cfg, progress, func(r *rerate.Rerate) error {
		res, err := do(r)
		if err != nil {
			if c.Context().Err() != nil {
				err = fmt.Errorf("%w; what is done stays: go on with tollkeeper rerate resume", err)
			}
			return err
		}
		if asJSON {
			return writeJSON(c.OutOrStdout(), []*rerate.Result{res})
		}
		return writeRerate(c.OutOrStdout(), res)
	})
}

func writeRerate(out io.Writer, res *rerate.Result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "MONTH\tCALLS\tCHANGED\tUNPRICED\tUSD BEFORE\tUSD AFTER\tDIFFERENCE\t  TENANT, MODEL")
	var before, after, closed ledger.Sum
	for _, c := range res.Changes {
		state := ""
		if c.Closed {
			state, closed = " (closed)", closed.Add(c.Difference())
		}
		before, after = before.Add(c.Before), after.Add(c.After)
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t  %s, %s/%s%s\n", c.Month.Format("2006-01"), c.Calls, c.Changed, c.Unpriced, c.Before.Short(), c.After.Short(),
			c.Difference().Short(), c.Tenant, c.Provider, c.Model, state)
	}
	fmt.Fprintf(w, "\t\t\t\t%s\t%s\t%s\t  total\n", before.Short(), after.Short(), after.Sub(before).Short())
	if err := w.Flush(); err != nil {
		return err
	}
	if closed.Sign() != 0 {
		fmt.Fprintf(out, "Of the difference, %s USD is of closed months, which stay as charged: it is booked as adjustments in the open one.\n", closed.Short())
	}
	if res.Left > 0 {
		fmt.Fprintf(out, "%d reports can't be read again from what is stored; they were rated with the counts that they had.\n", res.Left)
	}
	if res.Run == nil {
		_, err := fmt.Fprintf(out, "A dry run over %d hours and %d calls: nothing was changed. Do it with --apply --reason TEXT.\n", res.Hours, res.Calls)
		return err
	}
	_, err := fmt.Fprintf(out, "Re-rate %d by %s: done. Totals follow within a minute or two (tollkeeper rollup status).\n", res.Run.Number, res.Run.Author)
	return err
}

func writeRuns(out io.Writer, runs []rerate.Run) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tSTATE\tSTARTED\tBY\tFROM\tTO\tTENANT\tMODEL\tHOURS\tCHANGED\tUSD BEFORE\tUSD AFTER\tBOOK\tBEFORE\tREASON")
	for _, r := range runs {
		tenant, model := "(all)", "(all)"
		if r.Tenant != nil {
			tenant = *r.Tenant
		}
		if r.Model != "" {
			model = r.Model
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d of %d\t%d\t%s\t%s\t%s\t%v\t%s\n", r.Number, r.State, r.At.Format(time.RFC3339), r.Author, r.From.Format(time.RFC3339),
			r.To.Format(time.RFC3339), tenant, model, r.Hours, r.AllHours, r.Changed, r.CostBefore, r.CostAfter, r.Book, r.Before, r.Reason)
	}
	return w.Flush()
}
