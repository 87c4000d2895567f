package main

import (
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/alerts/notify"
)

func newAlertsSendTest() *cobra.Command {
	c := &cobra.Command{
		Use: "send-test", Short: "Send a test notification to the receivers, now",
		Long: `Makes one attempt per receiver and says what came of it. Nothing is written down. In an Alertmanager the test alert
(alertname tollkeeper-test, severity warning) ends by itself after five minutes.`,
		Example: "  tollkeeper alerts send-test --config toll.yaml\n  tollkeeper alerts send-test --receiver chat",
	}
	load := configFlag(c)
	receiver := c.Flags().String("receiver", "", "only this receiver")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		results, err := notify.SendNow(c.Context(), cfg.Alerts.Notify, *receiver, testMessage(cfg.Alerts.Notify))
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		failed := 0
		for _, name := range slices.Sorted(maps.Keys(results)) {
			answer := "took it"
			if results[name] != nil {
				answer = "FAILED: " + results[name].Error()
				failed++
			}
			fmt.Fprintf(c.OutOrStdout(), "%-20s %s\n", name, answer)
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d receivers didn't take the test", failed, len(results))
		}
		return nil
	}
	return c
}

func testMessage(cfg notify.Config) notify.Message {
	now := time.Now().UTC()
	m := notify.Message{Episode: uuid.New(), Sequence: 1, Rule: "tollkeeper-test", Kind: "test", Severity: notify.Warning, State: notify.Firing, Started: now, At: now, Test: true,
		Summary: "this is a test of Tollkeeper's notifications: nothing has happened",
		Facts:   []notify.Fact{{Name: "Done", Text: "nothing"}}, Runbook: "docs/on-call.md"}
	if cfg.ViewerURL != "" {
		m.Links = []notify.Link{{Name: "Viewer", URL: cfg.ViewerURL}}
	}
	return m
}

func newAlertsDeadLetters() *cobra.Command {
	c := &cobra.Command{
		Use: "deadletters", Short: "Notifications that a receiver never got; --resend sends them again",
		Long: `A notification that its receiver refused, that failed for longer than alerts.notify.give_up_after, or that found a full
queue is set aside. Exits 1 if there are any.`,
		Example: "  tollkeeper alerts deadletters\n  tollkeeper alerts deadletters --receiver chat --resend",
	}
	load := configFlag(c)
	all := c.Flags().Bool("all", false, "also those that were sent again")
	resend := c.Flags().Bool("resend", false, "make one attempt to send each")
	receiver := c.Flags().String("receiver", "", "only this receiver's")
	author := c.Flags().String("author", loginName(), "who; kept with what is sent again")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withJournal(load, func(j *alerts.Journal) error {
			letters, err := j.DeadLetters(c.Context(), *all)
			if err != nil {
				return err
			}
			letters = slices.DeleteFunc(letters, func(d alerts.DeadLetter) bool { return *receiver != "" && d.Receiver != *receiver })
			out := c.OutOrStdout()
			if len(letters) == 0 {
				fmt.Fprintln(out, "none")
				return nil
			}
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "AT (UTC)\tEPISODE\tSTATE\tRULE\tTENANT\tRECEIVER\tOUTCOME\tREASON")
			waiting := letters[:0:0]
			for _, d := range letters {
				outcome := d.Outcome
				if d.Sent {
					outcome += ", sent again by " + d.Author
				} else {
					waiting = append(waiting, d)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", when(d.At), d.Episode.String()[:8], d.State, d.Rule, d.Tenant, d.Receiver, outcome, d.Reason)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if *resend {
				sent, err := j.Resend(c.Context(), waiting, *author)
				fmt.Fprintf(out, "%d of %d sent\n", sent, len(waiting))
				return err
			}
			if len(waiting) > 0 {
				return fmt.Errorf("%d notifications never arrived: see why, then send them again with --resend", len(waiting))
			}
			return nil
		})
	}
	return c
}
