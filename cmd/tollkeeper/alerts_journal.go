package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/alerts"
)

// withJournal opens what alerts has written down for a command.
func withJournal(load configLoader, do func(*alerts.Journal) error) error {
	cfg, err := load()
	if err != nil {
		return err
	}
	j, err := alerts.OpenJournal(cfg.DatabaseURL(), cfg.Alerts.Notify)
	if err != nil {
		return err
	}
	return errors.Join(do(j), j.Close())
}

func when(t time.Time) string { return t.UTC().Format(time.DateTime) }

func newAlertsList() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "Episodes that fire now, and those that were resolved lately",
		Example: "  tollkeeper alerts list\n  tollkeeper alerts list --since 168h --json",
	}
	load := configFlag(c)
	since := c.Flags().Duration("since", 24*time.Hour, "how far back resolved episodes are listed")
	asJSON := c.Flags().Bool("json", false, "one JSON object per episode")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withJournal(load, func(j *alerts.Journal) error {
			all, err := j.Episodes(c.Context(), time.Now().Add(-*since))
			if err != nil {
				return err
			}
			return writeEpisodes(c.OutOrStdout(), all, *asJSON)
		})
	}
	return c
}

func writeEpisodes(out io.Writer, all []alerts.Episode, asJSON bool) error {
	if asJSON {
		rows := make([]map[string]any, len(all))
		for i, e := range all {
			rows[i] = map[string]any{"episode": e.Began.Episode, "state": e.Last.State, "rule": e.Began.Rule, "kind": e.Began.Kind, "tenant": e.Began.Tenant,
				"subject": e.Began.Subject, "severity": e.Began.Severity, "value": e.Began.Value.Short(), "threshold": e.Began.Threshold.Short(),
				"summary": e.Began.Summary, "fired": e.Began.At.UTC().Format(time.RFC3339Nano), "changed": e.Last.At.UTC().Format(time.RFC3339Nano)}
		}
		return writeJSON(out, rows)
	}
	if len(all) == 0 {
		fmt.Fprintln(out, "nothing fires, and nothing was resolved lately (--since)")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "EPISODE\tSTATE\tSEVERITY\tRULE\tTENANT\tFIRED (UTC)\tLASTED\tSUMMARY")
	for _, e := range all {
		lasted := "until now"
		if !e.Open() {
			lasted = e.Last.At.Sub(e.Began.At).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Began.Episode.String()[:8], e.Last.State, e.Began.Severity, e.Began.Rule, e.Began.Tenant, when(e.Began.At), lasted, e.Began.Summary)
	}
	return w.Flush()
}

func newAlertsShow() *cobra.Command {
	c := &cobra.Command{
		Use: "show EPISODE", Short: "All that is known of an episode: what rose, why, what was done, who was told, how to undo it", Args: cobra.ExactArgs(1),
		Example: "  tollkeeper alerts show 3f2a91bc",
	}
	load := configFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return withJournal(load, func(j *alerts.Journal) error {
			x, err := j.Explain(c.Context(), args[0])
			if err != nil {
				return err
			}
			writeExplained(c.OutOrStdout(), x)
			return nil
		})
	}
	return c
}

func writeExplained(out io.Writer, x *alerts.Explained) {
	m := x.Message
	line := func(name, text string) { fmt.Fprintf(out, "%-14s %s\n", name, text) }
	line("episode", m.Episode.String())
	line("rule", fmt.Sprintf("%s (%s, %s)", m.Rule, m.Kind, m.Severity))
	for _, k := range slices.Sorted(maps.Keys(m.Subject)) {
		line(k, m.Subject[k])
	}
	line("crossed", when(x.Began.Crossed)+" UTC, receipt of the call with which it held")
	line("fired", when(x.Began.At)+" UTC")
	if x.Open() {
		line("state", x.Last.State+", for "+time.Since(x.Began.At).Round(time.Second).String())
	} else {
		line("resolved", fmt.Sprintf("%s UTC, after %s", when(x.Last.At), x.Last.At.Sub(x.Began.At).Round(time.Second)))
	}
	fmt.Fprintln(out)
	line("what", m.Summary)
	for _, f := range m.Facts {
		line(strings.ToLower(f.Name), f.Text)
	}
	if !x.Open() {
		line("at its end", x.Last.Summary)
	}
	for i, call := range m.Calls {
		name := ""
		if i == 0 {
			name = "dearest calls"
		}
		line(name, strings.TrimSpace(fmt.Sprintf("%s USD  %s  %s  %s", call.USD, call.Model, call.Trace, call.URL)))
	}
	for _, l := range m.Links {
		line(strings.ToLower(l.Name), l.URL)
	}
	line("runbook", m.Runbook)
	if m.Undo != "" {
		line("undo", m.Undo)
	}
	for i, who := range slices.Sorted(maps.Keys(x.Told)) {
		name := ""
		if i == 0 {
			name = "told"
		}
		line(name, who+": "+x.Told[who])
	}
	if len(x.Steps) == 0 {
		return
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AT (UTC)\tSUBJECT\tSEQUENCE\tSTEP\tLEVEL\tGATEWAY\tBY\tANSWER")
	for _, s := range x.Steps {
		step := s.Step
		if s.DryRun && step != alerts.StepDryRun {
			step += " (dry run)"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", when(s.At), s.Subject, s.Sequence, step, s.Level, s.Gateway, s.Author, s.Answer)
	}
	_ = w.Flush() // the writer's own error, if any, was the lines' too
}
