package scenarios

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/goals"
)

// Goals of the suite.
const (
	leastRecall = 0.95
	mostFalse   = 1.0 // pages per tenant-month on quiet series
)

// isFlapping tells the series in which the spend itself flaps: it counts for flapping, and one episode is right.
func (r Result) isFlapping() bool {
	return r.Injected > 1 && !r.Quiet && r.Weeks == 1 && r.Scenario[:8] == "flapping"
}

// could is what an oracle could find, in words for the table.
func (r Result) could() string {
	switch {
	case r.Injected == 0:
		return ""
	case r.Beyond:
		return fmt.Sprintf("%.2f: not in the goal", r.Oracle)
	}
	return fmt.Sprintf("%.2f", r.Oracle)
}

// Write prints a row per scenario and the goals.
func Write(out io.Writer, results []Result, asJSON bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(table, "scenario\tweeks\tspikes\tfound in 60 s\toracle\tdelay p50\tp95\tpages\tfalse\tflaps\t")
	}
	enc := json.NewEncoder(out)
	for _, r := range results {
		p50, p95 := quantile(r.Delays, 50), quantile(r.Delays, 95)
		if asJSON {
			if err := enc.Encode(map[string]any{"scenario": r.Scenario, "weeks": r.Weeks, "injected": r.Injected, "found": r.Found, "oracle": r.Oracle, "in_goal": !r.Beyond,
				"delay_p50_s": p50.Seconds(), "delay_p95_s": p95.Seconds(), "pages": r.Pages, "false": r.False, "flaps": r.Flaps}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%d\t%d\t%d\t\n", r.Scenario, r.Weeks, r.Injected, r.Found, r.could(), p50, p95, r.Pages, r.False, r.Flaps)
	}
	if !asJSON {
		fmt.Fprintln(table)
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return goals.Write(out, "SCENARIOS", rows(results), asJSON)
}

func rows(results []Result) []goals.Row {
	var injected, found, hits, pages, falsePages, quietFalse, flaps, weeks, worst int
	var outside, foundOutside int
	var possible float64 // of those outside, by the oracle
	var delays []time.Duration
	for _, r := range results {
		if r.isFlapping() {
			flaps += max(0, r.Pages-1)
			continue
		}
		pages, falsePages, flaps = pages+r.Pages, falsePages+r.False, flaps+r.Flaps
		if !r.Beyond {
			injected, found = injected+r.Injected, found+r.Found
			delays = append(delays, r.Delays...)
		} else {
			outside, foundOutside = outside+r.Injected, foundOutside+r.Found
			possible += r.Oracle * float64(r.Injected)
		}
		if r.Quiet {
			quietFalse, weeks = quietFalse+r.False, weeks+r.Weeks
			worst = max(worst, r.False)
		}
	}
	hits = pages - falsePages
	ratio := func(a, b int) float64 {
		if b == 0 {
			return 1
		}
		return float64(a) / float64(b)
	}
	return []goals.Row{
		goals.AtLeast(fmt.Sprintf("recall of injected 5x spikes within 60 s, the %d that can be told from chance by then", injected), "%.3f", ratio(found, injected), leastRecall),
		goals.Told(fmt.Sprintf("recall of the %d others (too few events in a minute; an oracle: %.3f)", outside, possible/float64(max(outside, 1))), fmt.Sprintf("%.3f", ratio(foundOutside, outside))),
		goals.Told(fmt.Sprintf("recall of all %d", injected+outside), fmt.Sprintf("%.3f", ratio(found+foundOutside, injected+outside))),
		goals.AtLeast("precision of spike pages", "%.3f", ratio(hits, pages), leastRecall),
		goals.AtMost("delay p95, s", "%.0f", quantile(delays, 95).Seconds(), within.Seconds()),
		goals.AtMost("false pages per tenant-month, quiet series, mean", "%.2f", ratio(4*quietFalse, max(weeks, 1)), mostFalse),
		goals.AtMost("false pages in the worst quiet tenant-month", "%.0f", float64(worst), mostFalse),
		goals.AtMost("pages of one spike beyond its first", "%.0f", float64(flaps), 0),
	}
}

// quantile is the smallest of the times that at least so many percent don't exceed.
func quantile(d []time.Duration, percent int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(len(sorted)-1, (len(sorted)*percent+99)/100-1)]
}
