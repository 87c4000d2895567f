package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// ReactionGoal is the longest accepted reaction of a throttle in the demo, in seconds (DESIGN D10 asks 5 s at p99 of a
// measured load; a demo on any laptop is given twice that).
const ReactionGoal = 10

// check is one row of WriteCheck.
type check struct {
	Name string `json:"name"`
	Got  string `json:"got"`
	Goal string `json:"goal"`
	OK   bool   `json:"ok"`
}

func (r *Result) checks() []check {
	row := func(name, got, goal string, ok bool) check { return check{name, got, goal, ok} }
	equal := func(name, got, goal string) check { return row(name, got, goal, got == goal) }
	rows := []check{
		equal("calls in the ledger", fmt.Sprint(r.CallsInLedger), fmt.Sprint(r.CallsMade)),
		equal("calls in the rollups", fmt.Sprint(r.CallsInRollup), fmt.Sprint(r.CallsMade)),
		equal("USD in the ledger", r.BilledByLedger, r.BilledByModelServer),
		equal("USD in the rollups", r.BilledByRollups, r.BilledByModelServer),
	}
	for _, e := range []struct {
		name string
		Episode
	}{{"spike", r.Spike}, {"budget", r.Budget}} {
		rows = append(rows,
			row(e.name+": alert after, s", fmt.Sprintf("%.1f", e.ReactionAlert), fmt.Sprintf("<= %d", ReactionGoal), e.Fired && e.ReactionAlert <= ReactionGoal),
			row(e.name+": throttle after, s", fmt.Sprintf("%.1f", e.ReactionThrottle), fmt.Sprintf("<= %d", ReactionGoal), e.Throttled && e.ReactionThrottle <= ReactionGoal),
			row(e.name+": USD a minute", toThousandth(e.RateBefore)+" to "+toThousandth(e.RateAfter), "falls", e.Refused > 0),
			row(e.name+": released", fmt.Sprint(e.Released), "true", e.Released))
	}
	return rows
}

// WriteCheck prints a row per check and a last line with the verdict, or one JSON object per row. It returns an error
// when a goal is missed, beside what Err says.
func (r *Result) WriteCheck(out io.Writer, asJSON bool) error {
	good, rows := 0, r.checks()
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for _, c := range rows {
		if c.OK {
			good++
		}
		if asJSON {
			if err := encoder.Encode(c); err != nil {
				return fmt.Errorf("write the check: %w", err)
			}
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t(goal %s)\t%s\n", c.Name, c.Got, c.Goal, verdictWord(c.OK))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the check: %w", err)
	}
	ok := good == len(rows) && r.OK()
	if !asJSON {
		for _, p := range r.Problems {
			fmt.Fprintln(out, strings.TrimSpace(p))
		}
		fmt.Fprintf(out, "DEMO: got %d of %d, %.0f s (goal all) %s\n", good, len(rows), r.Seconds, verdictWord(ok))
	}
	if !ok {
		return fmt.Errorf("demo: %d of %d checks missed their goal, %d problems", len(rows)-good, len(rows), len(r.Problems))
	}
	return nil
}

func verdictWord(ok bool) string {
	if ok {
		return "ok"
	}
	return "short"
}
