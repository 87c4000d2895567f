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

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/alerts/notify"
)

// withJournal opens what alerts has written down for a command.
func withJournal(load configLoader, do func(*alerts.Journal) error) error {
	cfg, err := load()
	if err != nil {
		return err
	}
	j, err := alerts.OpenJournal(cfg.ClickHouse.URL, cfg.Alerts.Notify)
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
	fmt.Fprintln(w, "AT (UTC)\tSEQUENCE\tSTEP\tLEVEL\tGATEWAY\tBY\tANSWER")
	for _, s := range x.Steps {
		step := s.Step
		if s.DryRun && step != alerts.StepDryRun {
			step += " (dry run)"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", when(s.At), s.Sequence, step, s.Level, s.Gateway, s.Author, s.Answer)
	}
	_ = w.Flush() // the writer's own error, if any, was the lines' too
}

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

func newAlertsLabel() *cobra.Command {
	c := &cobra.Command{
		Use: "label EPISODE right|wrong|noise", Short: "Say whether an episode told of something real, and whether somebody acted", Args: cobra.ExactArgs(2),
		Example: `  tollkeeper alerts label 3f2a91bc right --acted --note "rolled the prompt back"`,
	}
	load := configFlag(c)
	acted := c.Flags().Bool("acted", false, "somebody acted on it")
	note := c.Flags().String("note", "", "what you want to remember")
	author := c.Flags().String("author", loginName(), "who says so")
	c.RunE = func(c *cobra.Command, args []string) error {
		return withJournal(load, func(j *alerts.Journal) error {
			x, err := j.Label(c.Context(), args[0], args[1], *acted, *note, *author)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s (%s) is %s\n", x.Began.Episode, x.Began.Rule, args[1])
			return nil
		})
	}
	return c
}

func newAlertsReview() *cobra.Command {
	c := &cobra.Command{
		Use: "review", Short: "How the rules did in a month: episodes, pages, acted on or not, the noisiest rule, precision",
		Long: `Counts the episodes that began in a month (UTC), by rule, the noisiest first. A page is a critical episode. One counts as
acted on if a throttle bit, if somebody released one by hand, or if it is labelled so. Precision is the part of the
labelled episodes that were right: see tollkeeper alerts label.`,
		Example: "  tollkeeper alerts review\n  tollkeeper alerts review --month 2026-10 --json",
	}
	load := configFlag(c)
	month := c.Flags().String("month", time.Now().UTC().Format("2006-01"), "month (UTC)")
	asJSON := c.Flags().Bool("json", false, "one JSON object per rule")
	c.RunE = func(c *cobra.Command, _ []string) error {
		from, err := time.Parse("2006-01", *month)
		if err != nil {
			return &usageError{c.CommandPath(), fmt.Errorf("--month %q: write it as 2026-10", *month)}
		}
		return withJournal(load, func(j *alerts.Journal) error {
			all, err := j.Review(c.Context(), from, from.AddDate(0, 1, 0))
			if err != nil {
				return err
			}
			return writeReview(c.OutOrStdout(), *month, all, *asJSON)
		})
	}
	return c
}

func writeReview(out io.Writer, month string, all []alerts.RuleReview, asJSON bool) error {
	if asJSON {
		rows := make([]map[string]any, len(all))
		for i, r := range all {
			rows[i] = map[string]any{"rule": r.Rule, "kind": r.Kind, "episodes": r.Episodes, "pages": r.Pages, "acted": r.Acted, "not_acted": r.Idle(), "right": r.Right,
				"wrong": r.Wrong, "noise": r.Noise, "undelivered": r.Undelivered, "open": r.Open, "median_seconds": int(r.Median.Seconds())}
			if p, ok := r.Precision(); ok {
				rows[i]["precision_percent"] = p
			}
		}
		return writeJSON(out, rows)
	}
	if len(all) == 0 {
		fmt.Fprintf(out, "no episodes in %s\n", month)
		return nil
	}
	var sum alerts.RuleReview
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tKIND\tEPISODES\tPAGES\tACTED ON\tNOT\tMEDIAN LENGTH\tRIGHT\tWRONG\tNOISE\tPRECISION\tNOT DELIVERED")
	row := func(r alerts.RuleReview) {
		precision, median := "not labelled", "still open"
		if p, ok := r.Precision(); ok {
			precision = fmt.Sprintf("%d %%", p)
		}
		if r.Open < r.Episodes {
			median = r.Median.Round(time.Second).String()
		}
		if r.Rule == "all" {
			median = ""
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%s\t%d\t%d\t%d\t%s\t%d\n", r.Rule, r.Kind, r.Episodes, r.Pages, r.Acted, r.Idle(), median, r.Right, r.Wrong, r.Noise, precision, r.Undelivered)
	}
	for _, r := range all {
		row(r)
		sum.Episodes, sum.Pages, sum.Acted, sum.Open = sum.Episodes+r.Episodes, sum.Pages+r.Pages, sum.Acted+r.Acted, sum.Open+r.Open
		sum.Right, sum.Wrong, sum.Noise, sum.Undelivered = sum.Right+r.Right, sum.Wrong+r.Wrong, sum.Noise+r.Noise, sum.Undelivered+r.Undelivered
	}
	sum.Rule = "all"
	row(sum)
	if err := w.Flush(); err != nil {
		return err
	}
	if all[0].Idle() > 0 {
		fmt.Fprintf(out, "\nnoisiest: %s, %d of %d episodes that nobody acted on\n", all[0].Rule, all[0].Idle(), all[0].Episodes)
	}
	return nil
}
