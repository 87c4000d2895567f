package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/rollup"
)

func newPeriodVerify() *cobra.Command {
	c := &cobra.Command{
		Use: "verify [MONTH]", Short: "Recompute months from the rows that are kept and compare with their evidence; names what differs", Args: cobra.MaximumNArgs(1),
		Long: `Recomputes every day of a month (UTC) and compares: a sealed day with its seal (counts, sums, adjustments, and digests of the
rows of its hours and its day, by tenant), another day with its calls, a closed month also with what it was closed on. It changes
nothing. Without a month it takes every one that was ever closed or has sealed days.

Days are sealed by the rollup role two days before the rows of their calls expire. Write the month's seal down elsewhere: who can
write to the database can write seals, too.

Exit codes: 0 all is equal; 1 something differs; 2 the command line or the configuration is wrong; 3 nothing differs, but
days could not be compared: changes are pending, or their calls expired before they were sealed. Days from before the ledger
began, which have nothing, are told and need no proof.`,
		Example: "  tollkeeper period verify 2026-10\n  tollkeeper period verify --month 2026-10 --json",
	}
	load := configFlag(c)
	month := c.Flags().String("month", "", "the month, like the argument")
	asJSON := c.Flags().Bool("json", false, "one JSON object per month, decimals as strings")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 1 {
			if *month != "" && *month != args[0] {
				return &usageError{c.CommandPath(), fmt.Errorf("--month %s and the argument %s: give one month", *month, args[0])}
			}
			*month = args[0]
		}
		var months []time.Time
		if *month != "" {
			at, err := time.Parse("2006-01", *month)
			if err != nil {
				return &usageError{c.CommandPath(), fmt.Errorf("%q is no month: use 2026-10", *month)}
			}
			months = append(months, at)
		}
		cfg, err := load()
		if err != nil {
			return err
		}
		return app.WithRollup(cfg, logger(cfg), func(r *rollup.Rollup) error {
			if len(months) == 0 {
				all, err := r.Periods(c.Context())
				if err != nil {
					return err
				}
				for _, p := range all {
					months = append(months, p.Month)
				}
			}
			var all []rollup.Verified
			for _, m := range months {
				fmt.Fprintf(c.ErrOrStderr(), "verifying %s\n", m.Format("2006-01"))
				v, err := r.Verify(c.Context(), m, sayDays(c.ErrOrStderr()))
				if err != nil {
					return err
				}
				all = append(all, v)
			}
			if *asJSON {
				err = writeJSON(c.OutOrStdout(), all)
			} else {
				err = writeVerified(c.OutOrStdout(), all)
			}
			return cmp.Or(err, verdict(all))
		})
	}
	return c
}

// verdict is nil if all that is over is equal to its evidence.
func verdict(all []rollup.Verified) error {
	differ, unproved := 0, 0
	for i := range all {
		v := &all[i]
		differ += v.Count(rollup.DayDiffers) + len(v.Unlike)
		unproved += v.Count(rollup.DayPending) + v.Count(rollup.DayUnknown)
	}
	switch {
	case differ > 0:
		return errors.New("the books differ from their evidence")
	case unproved > 0:
		return fmt.Errorf("%d days: %w", unproved, errUnproved)
	}
	return nil
}

func writeVerified(out io.Writer, all []rollup.Verified) error {
	if len(all) == 0 {
		fmt.Fprintln(out, "No month was ever closed, and no day is sealed. Name a month to compare it with its calls.")
	}
	for i := range all {
		v := &all[i]
		for _, d := range v.Days {
			for _, u := range d.Unlike {
				writeUnlike(out, d.Day, u)
			}
			switch d.State {
			case rollup.DayPending:
				fmt.Fprintf(out, "%s  changes are to be rolled up first\n", d.Day)
			case rollup.DayUnknown:
				fmt.Fprintf(out, "%s  its calls have expired and it wasn't sealed\n", d.Day)
			case rollup.DayLater:
				fmt.Fprintf(out, "%s  more was booked for it after it was sealed; rollup seals it again while its calls are there\n", d.Day)
			}
		}
		for _, u := range v.Unlike {
			writeUnlike(out, v.Month, u)
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MONTH\tSTATE\tEQUAL\tDIFFER\tPENDING\tNOT PROVED\tBEFORE\tAHEAD\tSEALED\tSEAL")
	for i := range all {
		v := &all[i]
		seal := v.Seal
		if seal == "" {
			seal = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d/%d\t%s\n", v.Month, v.State, v.Count(rollup.DayEqual)+v.Count(rollup.DayLater)+v.Count(rollup.DayExpired),
			v.Count(rollup.DayDiffers), v.Count(rollup.DayPending), v.Count(rollup.DayUnknown),
			v.Count(rollup.DayBefore), v.Count(rollup.DayAhead), v.Sealed(), len(v.Days), seal)
	}
	return w.Flush()
}

func writeUnlike(out io.Writer, when string, u rollup.Unlike) {
	who := ""
	if u.Tenant != "" {
		who = "tenant " + u.Tenant + ": "
	}
	fmt.Fprintf(out, "%s  DIFFERS  %s%s: now %s, should be %s\n", when, who, u.What, u.Is, u.Want)
}
