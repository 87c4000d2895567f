package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/rollup"
)

// newRollup is the role, or with --once one pass over all levels; below it the commands that look after its jobs.
func newRollup() *cobra.Command {
	c := newRole("rollup")
	serve := c.RunE
	once := c.Flags().Bool("once", false, "bring all totals up to the calls stored now, then end")
	c.RunE = func(c *cobra.Command, args []string) error {
		if !*once {
			return serve(c, args)
		}
		cfg, err := config.Load(c.Flag("config").Value.String(), os.LookupEnv)
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		return app.RollupOnce(c.Context(), cfg, logger(cfg), func(level rollup.Level, did rollup.Stats) {
			fmt.Fprintf(c.OutOrStdout(), "%-7s %d windows, %d marks\n", level, did.Windows, did.Marks)
		})
	}
	c.AddCommand(newRollupStatus(), newRollupRun(), newRollupCheck())
	return c
}

func newRollupStatus() *cobra.Command {
	c := &cobra.Command{
		Use: "status", Short: "How each job goes: last run, duration, backlog, failures; exits 1 if one fails or hangs", Args: cobra.NoArgs,
		Long: `Says how the jobs of every rollup process go that runs against this database.

Exit codes: 0 all jobs go well; 1 a job fails or has been at one run for more than 10 minutes, or no process has said anything
for a minute; 2 the command line or the configuration is wrong. With --json too.`,
		Example: "  tollkeeper rollup status\n  tollkeeper rollup status --json",
	}
	load := configFlag(c)
	asJSON := c.Flags().Bool("json", false, "one JSON object per job and process, with its state: ok, running, failing, hanging or gone")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		return app.WithRollup(cfg, logger(cfg), func(r *rollup.Rollup) error {
			jobs, err := r.Status(c.Context())
			if err != nil {
				return err
			}
			return writeJobs(c.OutOrStdout(), jobs, time.Now(), *asJSON)
		})
	}
	return c
}

// A process says every 15 s how its jobs go; after this long without a word it counts as gone. A job that runs for longer
// than hangs is named.
const (
	goneAfter = time.Minute
	hangs     = 10 * time.Minute
)

// jobState says how a job goes: ok, running, failing, hanging, or gone where its process has said nothing for a minute.
func jobState(j *rollup.JobStatus, now time.Time) string {
	switch {
	case now.Sub(j.At) > goneAfter:
		return "gone"
	case j.RunningSince != nil && now.Sub(*j.RunningSince) > hangs:
		return "hanging"
	case j.Failing > 0:
		return "failing"
	case j.RunningSince != nil:
		return "running"
	}
	return "ok"
}

// writeJobs prints the jobs of the processes that live, as JSON those that are gone too. It returns an error if one fails or
// hangs, or if no process lives.
func writeJobs(out io.Writer, jobs []rollup.JobStatus, now time.Time, asJSON bool) error {
	live, bad := 0, 0
	for i := range jobs {
		switch jobState(&jobs[i], now) {
		case "gone":
			continue
		case "hanging", "failing":
			bad++
		}
		live++
	}
	write := writeJobTable
	if asJSON {
		write = writeJobJSON
	}
	if err := write(out, jobs, now); err != nil {
		return err
	}
	switch {
	case live == 0:
		return errors.New("no rollup has said anything for a minute: is `tollkeeper up` or the rollup role running against this database?")
	case bad > 0:
		return fmt.Errorf("%d jobs fail or hang", bad)
	}
	return nil
}

func writeJobJSON(out io.Writer, jobs []rollup.JobStatus, now time.Time) error {
	type job struct {
		rollup.JobStatus
		State string
	}
	all := make([]job, len(jobs))
	for i := range jobs {
		all[i] = job{jobs[i], jobState(&jobs[i], now)}
	}
	return writeJSON(out, all)
}

func writeJobTable(out io.Writer, jobs []rollup.JobStatus, now time.Time) error {
	ago := func(t *time.Time) string {
		if t == nil {
			return "never"
		}
		return now.Sub(*t).Round(time.Second).String() + " ago"
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "JOB\tSTATE\tLAST RUN\tTOOK\tRUNS\tFAILED\tBACKLOG\tNEXT\tPROCESS\t")
	var errs []string
	for i := range jobs {
		j := &jobs[i]
		state, next := jobState(j, now), ""
		switch state {
		case "gone":
			continue
		case "hanging":
			state = "HANGS for " + now.Sub(*j.RunningSince).Round(time.Second).String()
		case "failing":
			state = fmt.Sprintf("FAILS (%d in a row)", j.Failing)
		}
		if j.Failing > 0 {
			errs = append(errs, j.Job+": "+j.Error)
		}
		if j.NextRun != nil {
			next = "in " + max(0, j.NextRun.Sub(now)).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t\n", j.Job, state, ago(j.LastRun), j.Duration, j.Runs, j.Failures, j.Backlog, next, j.Process)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, e := range errs {
		fmt.Fprintln(out, e)
	}
	return nil
}

func newRollupRun() *cobra.Command {
	c := &cobra.Command{
		Use: "run JOB", Short: "Run one job now, whatever its schedule says", Args: cobra.ExactArgs(1),
		Example: "  tollkeeper rollup run late\n  tollkeeper rollup run prune",
	}
	load := configFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		return app.WithRollup(cfg, logger(cfg), func(r *rollup.Rollup) error {
			known := false
			for _, j := range r.Jobs() {
				known = known || j == args[0]
			}
			if !known {
				return &usageError{c.CommandPath(), fmt.Errorf("job %q: use %s", args[0], strings.Join(r.Jobs(), ", "))}
			}
			start := time.Now()
			did, err := r.RunJob(c.Context(), args[0])
			if err == nil {
				fmt.Fprintf(c.OutOrStdout(), "%s: %d windows, %d marks, %s\n", args[0], did.Windows, did.Marks, time.Since(start).Round(time.Millisecond))
			}
			return err
		})
	}
	return c
}

func newRollupCheck() *cobra.Command {
	c := &cobra.Command{
		Use: "check", Short: "Recompute totals from calls and compare; exits 1 on a difference", Args: cobra.NoArgs,
		Example: "  tollkeeper rollup check                       # yesterday\n  tollkeeper rollup check --from 2026-11-01 --to 2026-11-15",
	}
	load := configFlag(c)
	from := c.Flags().String("from", "", "first day, UTC (default: yesterday)")
	to := c.Flags().String("to", "", "first day after the last (default: today)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		end := time.Now().UTC().Truncate(24 * time.Hour)
		begin := end.AddDate(0, 0, -1)
		for flag, at := range map[*string]*time.Time{from: &begin, to: &end} {
			if *flag == "" {
				continue
			}
			if *at, err = time.Parse(time.DateOnly, *flag); err != nil {
				return &usageError{c.CommandPath(), fmt.Errorf("%q is no day: use 2026-11-30", *flag)}
			}
		}
		if !begin.Before(end) {
			return &usageError{c.CommandPath(), fmt.Errorf("--from %s is not before --to %s", begin.Format(time.DateOnly), end.Format(time.DateOnly))}
		}
		return app.WithRollup(cfg, logger(cfg), func(r *rollup.Rollup) error {
			check, err := r.Recompute(c.Context(), begin, end)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			for _, d := range check.Differences {
				fmt.Fprintf(out, "%s  %-16s %s %s  calls %+d  USD %s\n", d.Window.Format(time.RFC3339), d.What, d.Tenant, d.Model, d.Calls, d.Cost)
			}
			fmt.Fprintf(out, "%d hours and days recomputed from calls, %d pending and left out, difference %s USD\n", check.Windows, check.Pending, check.Cost())
			if len(check.Differences) > 0 {
				return fmt.Errorf("%d totals differ from their parts", len(check.Differences))
			}
			return nil
		})
	}
	return c
}
