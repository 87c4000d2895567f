package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/alerts"
)

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
