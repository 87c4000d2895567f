package accuracy

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/rollup/settle"
)

// settled parts calls into those that stand and those that give way, by settlement of the candidates among them, as the rollup
// does it; why counts the reasons. An aggregate always gives way: to the calls that explain it, or to the call that is made of
// what they don't explain.
func settled(book *pricing.Book, calls []ledger.Call) (stand, gaveWay []ledger.Call, why map[string]int) {
	var candidates, aggregates, others []settle.Report
	at := map[settle.ID]*ledger.Call{}
	for i := range calls {
		c := &calls[i]
		r := settle.Of(c, c.Version(0, xxhash.Sum64(c.AppendTo(nil))))
		at[r.ID] = c
		switch {
		case c.Role == ledger.RoleAggregate:
			aggregates = append(aggregates, r)
		case c.Flags&ledger.FlagCandidate != 0:
			candidates = append(candidates, r)
		default:
			others = append(others, r)
		}
	}
	groups := settle.Decide(candidates)
	loses := map[settle.ID]string{}
	for _, g := range groups {
		for i, v := range g.Verdicts {
			if v.Loses {
				loses[g.Reports[i].ID] = v.Reason
			}
		}
	}
	var unseen []ledger.Call
	for _, u := range settle.DecideAggregates(aggregates, groups, others) {
		loses[u.Aggregate.ID] = settle.ReasonExplained
		if !u.Explained() {
			loses[u.Aggregate.ID] = settle.ReasonUnseen
			unseen = append(unseen, u.Leaf(*at[u.Aggregate.ID], book))
		}
	}
	why = map[string]int{}
	for _, c := range calls {
		reason, lost := loses[settle.ID{Minute: c.Minute, Tenant: c.Tenant, Trace: c.TraceID, Span: c.SpanID}]
		if !lost {
			stand = append(stand, c)
			continue
		}
		gaveWay = append(gaveWay, c)
		why[reason]++
	}
	return append(stand, unseen...), gaveWay, why
}

// Verdicts on what settlement did with a recording, beside Equal and Told.
const (
	Double = "double" // some reports add up to the bill, but more than those stand: nothing links the pair
	Wrong  = "WRONG"  // less stands than was billed, and no report says why
)

// knownDoubles is how many recordings hold a pair that nothing links (openinference-langchain-and-openai/chat-stream: no
// common response id, not parent and child, the outer span ends before the inner one). A double can be found later, so
// settlement leaves it. The number may only fall.
const knownDoubles = 1

// WriteSettled prints the recordings in which reports may tell of one call: how many there are, how many gave way and why, and
// whether what stands is the bill. It fails if anything stands wrongly.
//
// The traps (Traps) come first.
func WriteSettled(out io.Writer, rows []Row, traps []goals.Row, asJSON bool) error {
	table := slices.Clone(traps)
	counts := map[string]int{}
	gave := 0
	for i := range rows {
		r := &rows[i]
		verdict := r.settledVerdict()
		if len(r.GaveWay) == 0 && verdict != Double {
			continue
		}
		counts[verdict]++
		gave += len(r.GaveWay)
		table = append(table, goals.Row{Name: r.Name, Got: fmt.Sprintf("%d reports, gave way: %s; %s USD stand, %s billed: %s", len(r.Calls)+len(r.GaveWay),
			reasonsOf(r.Why, len(r.GaveWay)), r.Ours.Short(), r.Billed.Short(), verdict), Goal: "the bill, or told", OK: verdict != Wrong})
	}
	table = append(table,
		goals.AtLeast("recordings in which a report gave way", "%.0f", float64(counts[Equal]+counts[Told]), 40),
		goals.Told("reports that gave way", fmt.Sprint(gave)),
		goals.AtMost("left double, because nothing links the pair", "%.0f", float64(counts[Double]), knownDoubles),
		goals.AtMost("wrong", "%.0f", float64(counts[Wrong]), 0))
	return goals.Write(out, "SETTLE", table, asJSON)
}

// reasonsOf counts why reports gave way, "none" if none did.
func reasonsOf(why map[string]int, gaveWay int) string {
	if gaveWay == 0 {
		return "none"
	}
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		reasons = append(reasons, fmt.Sprintf("%d %s", why[reason], reason))
	}
	return strings.Join(reasons, ", ")
}

func (r *Row) settledVerdict() string {
	const why = whyFlags &^ ledger.FlagCandidate
	told := false
	for i := range r.Calls {
		told = told || r.Calls[i].Unpriced != "" || r.Calls[i].Flags&why != 0
	}
	switch {
	case r.Ours == r.Billed:
		return Equal
	case told:
		return Told
	case r.Ours.Cmp(r.Billed) > 0 && r.explained():
		return Double
	}
	return Wrong
}
