package settle

import (
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Verdict is what was decided of one report.
type Verdict struct {
	Loses  bool
	Winner ID     // of a loser
	Reason string // of a loser; ReasonUnsettled of one that wasn't decided
}

// Group is a set of reports that were decided together, sorted by identity.
type Group struct {
	Reports  []Report
	Verdicts []Verdict // beside Reports
	places   []int32   // beside Reports: which of the reports that were decided each is
}

// Decide says of every report whether it stands for a call or gives way to another. It is a function of the set of
// reports: their order and how often one is in it don't matter. A winner never loses. Aggregates are left out: they wait for this
// decision, see DecideAggregates.
//
// Reports are linked, in this order, as copies of one span, by a unique response id, as parent and child in a trace, and as
// the only one that ran inside another with the same usage. Two reports of one rank are two calls.
func Decide(reports []Report) []Group { return decideAll(distinct(reports)) }

// decideAll decides reports of which each is there once.
func decideAll(all sorted) []Group {
	all = all.without(func(r *Report) bool { return r.Role == ledger.RoleAggregate })
	out, verdicts := groups(all, fewInTrace), make([]Verdict, all.len())
	for i := range out {
		g := &out[i]
		n := len(g.Reports)
		g.Verdicts, verdicts = verdicts[:n:n], verdicts[n:]
		if !decidePair(g.Reports, g.Verdicts) {
			decide(g.Reports, g.Verdicts)
		}
	}
	return out
}

// decidePair decides the usual groups as decide does, in a few steps: one report alone, and two layers' of one response.
func decidePair(group []Report, out []Verdict) bool {
	if len(group) != 2 {
		return len(group) == 1
	}
	a, b := &group[0], &group[1]
	if id := a.unique(); id == 0 || id != b.unique() || a.Rank == b.Rank || sameSpan(a, b) || !oneResponse(a, b) {
		return false
	}
	winner, loser := a, 1
	if better(b, a) < 0 {
		winner, loser = b, 0
	}
	out[loser] = Verdict{true, winner.ID, ReasonResponse}
	return true
}

// decide fills in the verdicts of a group.
func decide(group []Report, out []Verdict) {
	if len(group) > MaxMembers || length(group) > MaxSpan {
		for i := range out {
			out[i].Reason = ReasonUnsettled
		}
		return
	}
	c := newCalls(group)
	c.copies()
	c.responses()
	c.families()
	c.insides()
	for k := range c.all {
		if c.all[k].into >= 0 {
			continue
		}
		last, why := k, ""
		for c.all[last].loses >= 0 {
			why = c.all[last].why
			last = c.root(c.all[last].loses)
		}
		winner := c.best(last).ID
		for n, m := range c.all[k].members {
			switch {
			case c.reports[m].ID == winner: // it stays
			case why != "":
				out[m] = Verdict{true, winner, why}
			default:
				out[m] = Verdict{true, winner, c.all[k].reason[n]}
			}
		}
	}
}

// fewInTrace is up to how many reports of a trace are compared with each other: looking them up by what may link them costs more.
const fewInTrace = 16

// groups parts sorted reports into those between which there may be a link, directly or through others: copies of a span,
// one response id, parent and child, one inside the other with equal usage. Those of a trace are compared with each other if they are few.
func groups(reports sorted, few int32) []Group {
	n := reports.len()
	u := newUnion(n)
	traces := newChains[[16]byte](n)
	before := make([]int32, n) // of each report's trace: how many
	many := map[[16]byte]bool{}
	responses := make(map[uint64]int32, n) // the last with this id: sorted by minute, so the nearest
	for i := range n {
		r := reports.at(i)
		if id := r.unique(); id != 0 {
			if j, ok := responses[id]; ok && within(r, reports.at(int(j))) {
				u.join(i, int(j))
			}
			responses[id] = int32(i)
		}
		j := traces.add(r.Trace, i)
		if j < 0 {
			continue
		}
		if before[i] = before[j] + 1; before[i] >= few {
			many[r.Trace] = true
			continue
		}
		for ; j >= 0; j = traces.before(j) {
			if inTrace(r, reports.at(j)) {
				u.join(i, j)
			}
		}
	}
	if len(many) > 0 {
		joinMany(reports, many, u)
	}
	return u.parts(reports)
}

// inTrace says that there may be a link between two reports of one trace.
func inTrace(a, b *Report) bool {
	return within(a, b) && (a.Span == b.Span || a.Parent == b.Span || b.Parent == a.Span ||
		a.Input == b.Input && a.Output == b.Output && a.Input+a.Output > 0 && (contains(a, b) || contains(b, a)))
}

// joinMany joins those of inTrace in traces of many reports.
func joinMany(reports sorted, many map[[16]byte]bool, u union) {
	var in []int
	for i := range reports.len() {
		if many[reports.at(i).Trace] {
			in = append(in, i)
		}
	}
	spans, usages := newChains[spanKey](reports.len()), newChains[usageKey](reports.len())
	for _, i := range in {
		r := reports.at(i)
		if j := spans.add(spanKey{r.Trace, r.Span}, i); j >= 0 && within(r, reports.at(j)) {
			u.join(i, j)
		}
		if r.Input+r.Output > 0 {
			for j := usages.add(usageKey{r.Trace, r.Input, r.Output}, i); j >= 0; j = usages.before(j) {
				if within(r, reports.at(j)) && (contains(r, reports.at(j)) || contains(reports.at(j), r)) {
					u.join(i, j)
				}
			}
		}
	}
	for _, i := range in {
		for p := spans.last(spanKey{reports.at(i).Trace, reports.at(i).Parent}); p >= 0; p = spans.before(p) {
			if within(reports.at(i), reports.at(p)) {
				u.join(i, p)
			}
		}
	}
}

type spanKey struct {
	trace [16]byte
	span  [8]byte
}

type usageKey struct {
	trace         [16]byte
	input, output uint64
}

// chains hold which reports have a key, the last of them first.
type chains[K comparable] struct {
	newest map[K]int32
	older  []int32 // the one before it of its key, or -1
}

func newChains[K comparable](n int) chains[K] {
	return chains[K]{make(map[K]int32, n), make([]int32, n)}
}

// add puts report i before those of its key and returns the last of these, or -1.
func (c chains[K]) add(key K, i int) int {
	before := c.last(key)
	c.newest[key], c.older[i] = int32(i), int32(before)
	return before
}

func (c chains[K]) last(key K) int {
	if i, ok := c.newest[key]; ok {
		return int(i)
	}
	return -1
}

func (c chains[K]) before(i int) int { return int(c.older[i]) }

// union is a partition of 0 … n−1 that only grows together.
type union []int32

func newUnion(n int) union {
	u := make(union, n)
	for i := range u {
		u[i] = int32(i)
	}
	return u
}

func (u union) find(i int) int32 {
	at := int32(i)
	for u[at] != at {
		u[at] = u[u[at]]
		at = u[at]
	}
	return at
}

func (u union) join(i, j int) { u[u.find(i)] = u.find(j) }

// parts are the reports of each part, one after the other in one array, nothing decided.
func (u union) parts(reports sorted) []Group {
	place := make([]int32, reports.len()) // of a part, by its root; from 1
	var size []int
	for i := range reports.len() {
		root := u.find(i)
		if place[root] == 0 {
			size = append(size, 0)
			place[root] = int32(len(size))
		}
		size[place[root]-1]++
	}
	out, all, places := make([]Group, len(size)), make([]Report, reports.len()), make([]int32, reports.len())
	for n, k := range size {
		out[n].Reports, all = all[:0:k], all[k:]
		out[n].places, places = places[:0:k], places[k:]
	}
	for i := range reports.len() {
		g := &out[place[u.find(i)]-1]
		g.Reports, g.places = append(g.Reports, *reports.at(i)), append(g.places, reports.order[i])
	}
	return out
}

// within: copies of a span whose clock is wrong are stored when they come, up to a day apart.
func within(a, b *Report) bool {
	apart := time.Duration(max(a.Minute-b.Minute, b.Minute-a.Minute)) * time.Second
	return apart <= Reach || apart <= MaxSpan && sameSpan(a, b)
}

func length(group []Report) time.Duration {
	lo, hi := group[0].Minute, group[0].Minute
	for i := range group {
		lo, hi = min(lo, group[i].Minute), max(hi, group[i].Minute)
	}
	return time.Duration(hi-lo) * time.Second
}
