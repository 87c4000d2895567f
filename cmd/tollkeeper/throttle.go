package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func newThrottle() *cobra.Command {
	c := &cobra.Command{
		Use:   "throttle",
		Short: "See, apply, release and freeze throttles at the gateway",
		Long: `A throttle is a command to the gateway: it expires by itself, is read back, and its effect is
looked for in the ledger. The alerts role orders throttles; these commands let people do
so too, with or without that role. Who did what and why is kept in throttle_events.`,
	}
	c.AddCommand(newThrottleList(), newThrottleApply(), newThrottleRelease(), newThrottleFreeze(true), newThrottleFreeze(false))
	return c
}

// byHand does a person's act at the configured gateway. One that can't be done as it was given is a usage error, as is one without a gateway.
func byHand(c *cobra.Command, load configLoader, author, reason string, act func(*alerts.Hand) error) error {
	cfg, err := load()
	if err != nil {
		return err
	}
	hand, done, err := app.ByHand(cfg, author, reason)
	if err == nil {
		defer done()
		err = act(hand)
	}
	var wrong *alerts.ActError
	if errors.Is(err, app.ErrNoGateway) || errors.As(err, &wrong) {
		return &usageError{c.CommandPath(), err}
	}
	return err
}

// subjectFlags add the parts of a tenant that a throttle can be about.
func subjectFlags(c *cobra.Command) func(tenant string) gateway.Subject {
	team := c.Flags().String("team", "", "only this team of the tenant")
	key := c.Flags().String("key", "", "only this API key of the tenant, by its name or hash")
	who := c.Flags().String("user", "", "only this user of the tenant")
	model := c.Flags().String("model", "", "only this model")
	return func(tenant string) gateway.Subject {
		return gateway.Subject{Tenant: tenant, Team: *team, Key: *key, User: *who, Model: *model}
	}
}

// whoFlags add who does it and why.
func whoFlags(c *cobra.Command) (author, reason *string) {
	return c.Flags().String("author", loginName(), "who does it; kept"), c.Flags().String("reason", "", "why; kept")
}

func newThrottleList() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List throttles with their life: ordered, acknowledged, effective, ended",
		Example: `  tollkeeper throttle list
  tollkeeper throttle list --since 168h --tenant acme --json`,
	}
	load := configFlag(c)
	since := c.Flags().Duration("since", 24*time.Hour, "those in which something happened in this time")
	tenant := c.Flags().String("tenant", "", "only this tenant's")
	asJSON := c.Flags().Bool("json", false, "one JSON object per throttle")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		all, frozen, err := app.Throttles(c.Context(), cfg, time.Now().Add(-*since))
		if err != nil {
			return err
		}
		var lives []alerts.Life
		for _, l := range all {
			if *tenant == "" || l.Subject.Tenant == *tenant {
				lives = append(lives, l)
			}
		}
		if *asJSON {
			return writeLivesJSON(c.OutOrStdout(), lives)
		}
		return writeLives(c.OutOrStdout(), lives, frozen, *since)
	}
	return c
}

func writeLivesJSON(out io.Writer, lives []alerts.Life) error {
	enc := json.NewEncoder(out)
	for _, l := range lives {
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// writeLives writes a table; the times after "ordered" are counted from it.
func writeLives(out io.Writer, lives []alerts.Life, frozen []alerts.Freeze, since time.Duration) error {
	for _, f := range frozen {
		fmt.Fprintf(out, "FROZEN at gateway %s by %s since %s: %s\n", f.Gateway, f.Author, stamp(f.Since), f.Reason)
		fmt.Fprintln(out, "  no automatic throttles until: tollkeeper throttle unfreeze --reason WHY")
	}
	if len(lives) == 0 {
		fmt.Fprintf(out, "no throttles in the last %s\n", since)
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SUBJECT\tLEVEL\tSTATE\tRULE\tORDERED\tACKNOWLEDGED\tEFFECTIVE\tENDED\tLEASE UNTIL\tCOMMANDS\tBY\tNOTE")
	for _, l := range lives {
		effect, end := after(l, l.Effective), after(l, l.Released)
		if l.Ineffective.After(l.Effective) {
			effect = "none " + after(l, l.Ineffective)
		}
		if l.Expired.After(l.Released) {
			end = after(l, l.Expired)
		}
		note := l.Reason
		switch {
		case l.Trouble != "" && (l.DryRun || l.Released.IsZero()):
			note = l.Trouble
		case l.ReleasedBy != "" && l.ReleasedBy != alerts.Author:
			note = "released by " + l.ReleasedBy + ": " + l.ReleasedWhy
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", l.Subject, l.Level, l.State, l.Rule, stamp(l.Ordered), after(l, l.Acknowledged), effect, end,
			stamp(l.Lease), l.Commands, l.Author, cut(note, 90))
	}
	return w.Flush()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func after(l alerts.Life, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return "+" + t.Sub(l.Ordered).Round(time.Millisecond).String()
}

func cut(s string, runes int) string {
	if r := []rune(s); len(r) > runes {
		return string(r[:runes-1]) + "…"
	}
	return s
}

func newThrottleApply() *cobra.Command {
	c := &cobra.Command{
		Use:   "apply TENANT",
		Short: "Throttle a tenant, or a part of it, by hand for a time",
		Long: `Orders a throttle at the gateway. It ends with its lease, which nobody renews, or with a release.
Rules leave the subject alone meanwhile. Levels: notify (nothing is refused), slow (the limits are
a pace), cap (the limits are a sum per period), block (everything is refused).`,
		Example: `  tollkeeper throttle apply acme --level block --lease 15m --reason "leaked key"
  tollkeeper throttle apply acme --team red --level cap --per 1m --usd 0.50 --lease 1h --reason "runaway job"`,
		Args: cobra.ExactArgs(1),
	}
	load, subject := configFlag(c), subjectFlags(c)
	author, reason := whoFlags(c)
	level := c.Flags().String("level", "", "notify, slow, cap or block")
	lease := c.Flags().Duration("lease", 15*time.Minute, "how long; a gateway may refuse more than an hour")
	per := c.Flags().Duration("per", time.Minute, "period of the limits")
	requests := c.Flags().Int64("requests", 0, "requests per period; 0: not limited")
	tokens := c.Flags().Int64("tokens", 0, "tokens per period; 0: not limited")
	usd := c.Flags().String("usd", "", "USD per period, like 0.50; empty: not limited")
	c.RunE = func(c *cobra.Command, args []string) error {
		limits := gateway.Limits{Requests: *requests, Tokens: *tokens}
		if *usd != "" {
			var err error
			if limits.USD, err = ledger.ParseMoney(*usd); err != nil {
				return &usageError{c.CommandPath(), fmt.Errorf("--usd: %w", err)}
			}
		}
		if limits != (gateway.Limits{}) {
			limits.Per = *per
		}
		return byHand(c, load, *author, *reason, func(hand *alerts.Hand) error {
			s := subject(args[0])
			ack, err := hand.Apply(c.Context(), s, gateway.Level(*level), limits, *lease)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is throttled (%s) for %s: %s\n", s, *level, *lease, held(ack))
			return nil
		})
	}
	return c
}

// held says what the gateway answered.
func held(ack gateway.Ack) string {
	if ack.State.Sequence == 0 {
		return "the gateway took it and doesn't tell what it holds; look at the subject's calls"
	}
	return fmt.Sprintf("the gateway holds sequence %d, level %s, in force: %t", ack.State.Sequence, ack.State.Level, ack.State.InForce)
}

func newThrottleRelease() *cobra.Command {
	c := &cobra.Command{
		Use:   "release TENANT",
		Short: "Lift a throttle by hand, until the alerts that fire now are over",
		Long: `Sends the gateway a release for the tenant and every part of it that is throttled, or for one
part, and writes down who did it and why. A running alerts role leaves it alone until the
alerts that fire now are over. Works without that role.`,
		Example: `  tollkeeper throttle release acme --reason "agreed with the customer" --config toll.yaml`,
		Args:    cobra.ExactArgs(1),
	}
	load, subject := configFlag(c), subjectFlags(c)
	author, reason := whoFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return byHand(c, load, *author, *reason, func(hand *alerts.Hand) error {
			s := subject(args[0])
			ack, err := hand.Release(c.Context(), s)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is released: %s\n", s, held(ack))
			return nil
		})
	}
	return c
}

func newThrottleFreeze(frozen bool) *cobra.Command {
	c := &cobra.Command{
		Use:   "freeze",
		Short: "Kill switch: release what rules throttle, and let them throttle nobody",
		Long: `Stops automatic throttles at the configured gateway until unfreeze. A running alerts role
releases within a second or two what its rules hold; without one every lease runs out. What people
applied by hand stays. Alerts go on; what they would have done is written down as a dry run.`,
		Example: `  tollkeeper throttle freeze --reason "prices were imported wrongly"`,
	}
	if !frozen {
		c.Use, c.Short, c.Long = "unfreeze", "Let rules throttle again after a freeze", ""
		c.Example = `  tollkeeper throttle unfreeze --reason "prices are right again"`
	}
	load := configFlag(c)
	author, reason := whoFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return byHand(c, load, *author, *reason, func(hand *alerts.Hand) error {
			if err := hand.SetFrozen(c.Context(), frozen); err != nil {
				return err
			}
			said := "automatic throttles may go on"
			if frozen {
				said = "automatic throttles are frozen; what was applied by hand stays"
			}
			fmt.Fprintf(c.OutOrStdout(), "gateway %s: %s\n", hand.Gateway.Name(), said)
			return nil
		})
	}
	return c
}
