package second

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// What a comparison has to cover.
const (
	goalUsages = 5000
	goalFacts  = 1500
)

// Write prints every disagreement, by cause, and the verdict; an error says that a goal is missed.
func (o *Opinion) Write(out io.Writer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		for _, r := range o.Rows {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
	} else if err := o.table(out); err != nil {
		return err
	}
	ok := o.Unlisted == 0 && len(o.Gone) == 0 && o.Usages >= goalUsages && o.Facts >= goalFacts
	word := "ok"
	if !ok {
		word = "short"
	}
	if !asJSON {
		fmt.Fprintf(out, "SECOND OPINION: got %d usages of %s, %d facts on %d models of %s, %d disagreements, %d not listed, %d listed and gone "+
			"(goal >= %d usages, >= %d facts, 0 not listed, 0 gone) %s\n", o.Usages, againstTotals, o.Facts, o.Models, againstFacts,
			len(o.Rows), o.Unlisted, len(o.Gone), goalUsages, goalFacts, word)
	}
	if !ok {
		return fmt.Errorf("%d disagreements aren't listed, %d listed ones are gone: see internal/second/testdata/disagreements.yaml", o.Unlisted, len(o.Gone))
	}
	return nil
}

func (o *Opinion) table(out io.Writer) error {
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "DISAGREEMENT\tOURS\tTHEIRS\tAGAINST\tSIDE")
	for _, r := range o.Rows {
		side := r.Side
		if side == "" {
			side = "NOT LISTED"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", r.Fact, r.Ours, r.Theirs, r.Against, side)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	seen := map[string]int{}
	var order []Row
	for _, r := range o.Rows {
		if r.Why != "" && seen[r.Why] == 0 {
			order = append(order, r)
		}
		seen[r.Why]++
	}
	for _, r := range order {
		fmt.Fprintf(out, "%d × %s: %s\n    %s\n", seen[r.Why], r.Side, r.Why, r.Source)
	}
	for _, g := range o.Gone {
		fmt.Fprintf(out, "listed, but no disagreement: %s\n", g)
	}
	fmt.Fprintln(out)
	return nil
}
