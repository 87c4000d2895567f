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
	"github.com/tollkeeper/tollkeeper/rollup"
)

// newPeriod is the books: which months are closed, and closing and reopening them.
func newPeriod() *cobra.Command {
	c := &cobra.Command{
		Use: "period", Short: "Close and reopen months; what comes later is an adjustment",
		Example: `  tollkeeper period status
  tollkeeper period close 2026-10 --reason "month end"
  tollkeeper period reopen 2026-10 --reason "wrong tenant for a week"
  tollkeeper period verify 2026-10`,
	}
	c.AddCommand(newPeriodStatus(), newPeriodClose(), newPeriodReopen(), newPeriodVerify())
	return c
}

func newPeriodStatus() *cobra.Command {
	c := &cobra.Command{
		Use: "status", Short: "Every month that was ever closed or has sealed days: state, author, reason, totals, evidence", Args: cobra.NoArgs,
		Example: "  tollkeeper period status\n  tollkeeper period status --json",
	}
	load := configFlag(c)
	asJSON := c.Flags().Bool("json", false, "one JSON object per month, decimals as strings")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		return app.WithRollup(cfg, logger(cfg), func(r *rollup.Rollup) error {
			all, err := r.Periods(c.Context())
			if err != nil {
				return err
			}
			return writePeriods(c, all, *asJSON)
		})
	}
	return c
}

func newPeriodClose() *cobra.Command {
	c := &cobra.Command{
		Use: "close MONTH", Short: "Close a month: none of its totals changes from here on", Args: cobra.ExactArgs(1),
		Long: `Closes a month (UTC) and keeps what it was closed on: calls, cost, a hash of the totals by tenant and model, unpriced
calls, and what a recomputation from the calls differed by. It refuses a month that isn't over, that has changes still to
be rolled up, or whose totals differ from its calls. Calls, settlements and re-rates that come later are booked as
adjustments in the first open month. A closing that was stopped is finished by calling it again.`,
		Example: `  tollkeeper period close 2026-10 --reason "month end"
  tollkeeper period close 2026-10 --reason "month end" --grace 72h`,
	}
	load := configFlag(c)
	by := newSignature(c)
	grace := c.Flags().Duration("grace", 24*time.Hour, "how long after its end a month may be closed")
	force := c.Flags().Bool("force", false, "close it although it isn't over, changes are pending or the check finds a difference")
	c.RunE = func(c *cobra.Command, args []string) error {
		month, err := by.read(args[0])
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		cfg, err := load()
		if err != nil {
			return err
		}
		return app.WithRollup(cfg, logger(cfg), func(r *rollup.Rollup) error {
			p, err := r.Close(c.Context(), rollup.Closing{Month: month, Author: by.author, Reason: by.reason, Grace: *grace, Force: *force, Progress: sayDays(c.ErrOrStderr())})
			if err != nil {
				return err
			}
			return writePeriods(c, []rollup.Period{p}, by.json)
		})
	}
	return c
}

func newPeriodReopen() *cobra.Command {
	c := &cobra.Command{
		Use: "reopen MONTH", Short: "Reopen a month: its totals follow its calls again", Args: cobra.ExactArgs(1),
		Long: `Reopens a closed month (UTC). Its hours are added up again, and adjustments that were booked for it elsewhere are taken
back: from open months they go, for closed ones a reversal is booked. Close it again when it is right.`,
		Example: `  tollkeeper period reopen 2026-10 --reason "wrong tenant for a week"`,
	}
	load := configFlag(c)
	by := newSignature(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		month, err := by.read(args[0])
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		cfg, err := load()
		if err != nil {
			return err
		}
		return app.WithRollup(cfg, logger(cfg), func(r *rollup.Rollup) error {
			p, err := r.Reopen(c.Context(), month, by.author, by.reason)
			if err != nil {
				return err
			}
			return writePeriods(c, []rollup.Period{p}, by.json)
		})
	}
	return c
}

// signature is who does it and why.
type signature struct {
	author, reason string
	json           bool
}

func newSignature(c *cobra.Command) *signature {
	s := &signature{}
	if u, err := user.Current(); err == nil {
		s.author = u.Username
	}
	c.Flags().StringVar(&s.author, "author", s.author, "who does it")
	c.Flags().StringVar(&s.reason, "reason", "", "why; it is kept with the period")
	c.Flags().BoolVar(&s.json, "json", false, "one JSON object, decimals as strings")
	return s
}

func (s *signature) read(month string) (time.Time, error) {
	at, err := time.Parse("2006-01", month)
	switch {
	case err != nil:
		return at, fmt.Errorf("%q is no month: use 2026-10", month)
	case s.reason == "":
		return at, errors.New("--reason is missing: say why, it is kept with the period")
	case s.author == "":
		return at, errors.New("--author is missing: say who does it")
	}
	return at, nil
}

// sayDays tells how far a month is, a line a second at most.
func sayDays(out io.Writer) func(rollup.Progress) {
	begin, said := time.Now(), time.Now()
	doing, first := "", 0
	return func(p rollup.Progress) {
		now := time.Now()
		if p.Doing != doing { // another round over the days
			doing, begin, first = p.Doing, now, p.Done
		}
		if now.Sub(said) < time.Second {
			return
		}
		said = now
		left := ""
		if n := p.Done - first; n > 0 {
			left = fmt.Sprintf(", about %s left", (now.Sub(begin) / time.Duration(n) * time.Duration(p.Days-p.Done)).Round(time.Second))
		}
		fmt.Fprintf(out, "%s: %s, %d of %d days done%s\n", p.Day.Format(time.DateOnly), p.Doing, p.Done, p.Days, left)
	}
}

func writePeriods(c *cobra.Command, all []rollup.Period, asJSON bool) error {
	if asJSON {
		return writeJSON(c.OutOrStdout(), all)
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MONTH\tSTATE\tSINCE\tBY\tCALLS\tUSD\tSEALED\tREASON\tEVIDENCE")
	for _, p := range all {
		since := "-"
		if !p.Since.IsZero() {
			since = p.Since.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%d/%d\t%s\t%s\n", p.Month.Format("2006-01"), p.State, since, p.Author, p.Calls, p.Cost, p.Sealed,
			p.Month.AddDate(0, 1, -1).Day(), p.Reason, p.Evidence)
	}
	return w.Flush()
}
