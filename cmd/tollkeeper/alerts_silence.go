package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/alerts"
)

func newAlertsSilence() *cobra.Command {
	c := &cobra.Command{
		Use: "silence", Short: "Set a maintenance window: no episode begins in it",
		Long: `A running alerts role takes the window within five seconds. Open episodes go on; what still holds when the window ends
fires then. Windows that are known long before go into the configuration (alerts.maintenance).`,
		Example: `  tollkeeper alerts silence --tenant acme --for 2h --reason "load test"
  tollkeeper alerts silence --rule spend-spike --from 2026-12-24T18:00:00Z --for 12h --reason "migration"`,
	}
	load := configFlag(c)
	tenants := c.Flags().StringSlice("tenant", nil, "only these tenants; all if not given")
	rules := c.Flags().StringSlice("rule", nil, "only these rules; all if not given")
	from := c.Flags().String("from", "", "when it begins (RFC 3339); now if not given")
	length := c.Flags().Duration("for", 0, "how long")
	author := c.Flags().String("author", loginName(), "who; kept with the window")
	reason := c.Flags().String("reason", "", "why; kept with the window")
	c.RunE = func(c *cobra.Command, _ []string) error {
		w := alerts.Window{Author: *author, Maintenance: alerts.Maintenance{From: time.Now().UTC(), Tenants: *tenants, Rules: *rules, Reason: *reason}}
		if *from != "" {
			at, err := time.Parse(time.RFC3339, *from)
			if err != nil {
				return &usageError{c.CommandPath(), fmt.Errorf("--from %q: write it as 2026-12-24T18:00:00Z", *from)}
			}
			w.From = at
		}
		if w.To = w.From.Add(*length); *length <= 0 || *reason == "" {
			return &usageError{c.CommandPath(), errors.New("want --for, like 2h, and --reason")}
		}
		return withJournal(load, func(j *alerts.Journal) error {
			w, err := j.Silence(c.Context(), w)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: nothing fires from %s to %s UTC for %s; end it with: tollkeeper alerts unsilence %s\n", w.ID, when(w.From), when(w.To), covers(w), w.ID.String()[:8])
			return nil
		})
	}
	return c
}

func covers(w alerts.Window) string {
	names := func(list []string, all string) string {
		if len(list) == 0 {
			return all
		}
		return strings.Join(list, ", ")
	}
	return names(w.Rules, "all rules") + " of " + names(w.Tenants, "all tenants")
}

func newAlertsWindows() *cobra.Command {
	c := &cobra.Command{Use: "windows", Short: "Maintenance windows that haven't ended, of the database and the configuration", Example: "  tollkeeper alerts windows"}
	load := configFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		return withJournal(load, func(j *alerts.Journal) error {
			all, err := j.Windows(c.Context())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "WINDOW\tFROM (UTC)\tTO (UTC)\tFOR\tBY\tREASON")
			for _, m := range cfg.Alerts.Maintenance {
				if m.To.After(time.Now()) {
					fmt.Fprintf(w, "config\t%s\t%s\t%s\t\t%s\n", when(m.From), when(m.To), covers(alerts.Window{Maintenance: m}), m.Reason)
				}
			}
			for _, x := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", x.ID.String()[:8], when(x.From), when(x.To), covers(x), x.Author, x.Reason)
			}
			return w.Flush()
		})
	}
	return c
}

func newAlertsUnsilence() *cobra.Command {
	c := &cobra.Command{Use: "unsilence WINDOW", Short: "End a maintenance window now", Args: cobra.ExactArgs(1), Example: "  tollkeeper alerts unsilence 3f2a91bc"}
	load := configFlag(c)
	author := c.Flags().String("author", loginName(), "who; kept with the window")
	c.RunE = func(c *cobra.Command, args []string) error {
		return withJournal(load, func(j *alerts.Journal) error {
			w, err := j.Unsilence(c.Context(), args[0], *author)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s has ended: %s fire again\n", w.ID, covers(w))
			return nil
		})
	}
	return c
}
