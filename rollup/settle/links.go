package settle

import (
	"slices"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Why a report gives way. Stored in settlements.reason.
const (
	ReasonCopy      = "copy"        // the same span, stored under another minute because its start isn't believable
	ReasonResponse  = "response_id" // another layer reported the same provider response
	ReasonParent    = "parent"      // parent and child in one trace
	ReasonInside    = "inside"      // ran inside the other in one trace, with the same usage, and nothing else did
	ReasonRetries   = "retries"     // the layer above several attempts, each of which is a call
	ReasonUnsettled = "unsettled"   // the group is too large or too long to be decided: all count
)

// call is a set of reports that tell of one request: at most one of each rank, beside copies.
type call struct {
	members []int // into the reports; the first found first
	reason  []string
	into    int // the call this one was merged into, or -1
	loses   int // the call that stands for this one although they are several, or -1
	why     string
}

// calls is the state of deciding one group: each report starts as a call of its own; links merge them.
type calls struct {
	reports []Report
	of      []int // report → call
	all     []call
}

func newCalls(reports []Report) *calls {
	c := &calls{reports: reports, of: make([]int, len(reports)), all: make([]call, len(reports))}
	reasons := make([]string, len(reports))
	for i := range reports {
		c.of[i] = i
	}
	first := slices.Clone(c.of)
	for i := range reports {
		c.all[i] = call{members: first[i : i+1 : i+1], reason: reasons[i : i+1 : i+1], into: -1, loses: -1}
	}
	return c
}

// merge makes one call of two, if no rank would be in it twice; copies of one span may.
func (c *calls) merge(i, j int, reason string) bool {
	a, b := c.of[i], c.of[j]
	if a == b {
		return true
	}
	if reason != ReasonCopy {
		for _, m := range c.all[a].members {
			for _, n := range c.all[b].members {
				if c.reports[m].Rank == c.reports[n].Rank && !sameSpan(&c.reports[m], &c.reports[n]) {
					return false
				}
			}
		}
	}
	if b < a {
		a, b = b, a
	}
	for k, m := range c.all[b].members {
		c.of[m] = a
		c.all[a].members = append(c.all[a].members, m)
		why := c.all[b].reason[k]
		if why == "" {
			why = reason
		}
		c.all[a].reason = append(c.all[a].reason, why)
	}
	if c.all[a].reason[0] == "" {
		c.all[a].reason[0] = reason
	}
	c.all[b].into = a
	// One of the two may give way already: then both do, unless that leads back to themselves.
	for _, k := range []int{a, b} {
		into := c.all[k].loses
		c.all[k].loses = -1
		if into >= 0 && c.all[a].loses < 0 && !c.leadsTo(c.root(into), a) {
			c.all[a].loses, c.all[a].why = into, c.all[k].why
		}
	}
	return true
}

func sameSpan(a, b *Report) bool { return a.Trace == b.Trace && a.Span == b.Span }

// copies merges what was stored twice because the minute came from the receipt.
func (c *calls) copies() {
	if len(c.reports) == 2 && !sameSpan(&c.reports[0], &c.reports[1]) {
		return // the usual group
	}
	first := map[spanKey][]int{}
	for i := range c.reports {
		r := &c.reports[i]
		k := spanKey{r.Trace, r.Span}
		for _, j := range first[k] {
			if (r.Flags|c.reports[j].Flags)&ledger.FlagStartOutside != 0 && r.Tenant == c.reports[j].Tenant {
				c.merge(i, j, ReasonCopy)
			}
		}
		first[k] = append(first[k], i)
	}
}

// responses merges reports that name one provider response. An id can repeat (a cache that answers again with an old
// response): then the rank with the most reports says how many calls there were, and each report of another rank goes with
// the one that it overlaps most.
func (c *calls) responses() {
	byID := map[uint64][]int{}
	var ids []uint64
	for i := range c.reports {
		if id := c.reports[i].unique(); id != 0 && c.all[i].into < 0 {
			if byID[id] == nil {
				ids = append(ids, id)
			}
			byID[id] = append(byID[id], i)
		}
	}
	for _, id := range ids {
		if len(byID[id]) > 1 {
			c.match(byID[id])
		}
	}
}

type pair struct {
	i, anchor int
	overlap   int64
}

func (c *calls) match(same []int) {
	var count [256]int
	for _, i := range same {
		count[c.reports[i].Rank]++
	}
	var most uint8
	for rank, n := range count {
		if n > 0 && n >= count[most] {
			most = uint8(rank)
		}
	}
	var pairs []pair
	for _, i := range same {
		for _, anchor := range same {
			a, b := &c.reports[i], &c.reports[anchor]
			if a.Rank != most && b.Rank == most && oneResponse(a, b) {
				pairs = append(pairs, pair{i, anchor, overlap(a, b)})
			}
		}
	}
	c.greedily(pairs, ReasonResponse)
}

// oneResponse says that two reports that name one response may tell of one call. Ids are unique within a provider; only who talks to a gateway
// may not know which one answered.
func oneResponse(a, b *Report) bool {
	return near(a, b) && overlap(a, b) >= -skew && (a.Provider == b.Provider || a.Role == ledger.RoleWrapper || b.Role == ledger.RoleWrapper)
}

// greedily merges pairs, the longest overlap first, each report and each rank of an anchor's call once.
func (c *calls) greedily(pairs []pair, reason string) {
	slices.SortFunc(pairs, func(a, b pair) int {
		switch {
		case a.overlap != b.overlap:
			if a.overlap > b.overlap {
				return -1
			}
			return 1
		case a.anchor != b.anchor:
			return c.reports[a.anchor].compare(c.reports[b.anchor].ID)
		}
		return c.reports[a.i].compare(c.reports[b.i].ID)
	})
	done := make([]bool, len(c.reports))
	for _, p := range pairs {
		if !done[p.i] && c.merge(p.i, p.anchor, reason) {
			done[p.i] = true
		}
	}
}

// families merges a report with the one below it in the trace. Where several attempts lie below, each of them is a call
// (a provider bills retries), and what lies above only sums them up or tells of the last: it gives way.
func (c *calls) families() {
	if !slices.ContainsFunc(c.reports, func(r Report) bool { return r.Parent != [8]byte{} }) {
		return
	}
	at := map[spanKey][]int{}
	for i := range c.reports {
		k := spanKey{c.reports[i].Trace, c.reports[i].Span}
		at[k] = append(at[k], i)
	}
	below := map[int][]int{} // call above → calls below
	var order []int
	for i := range c.reports {
		r := &c.reports[i]
		if r.Parent == ([8]byte{}) {
			continue
		}
		for _, p := range at[spanKey{r.Trace, r.Parent}] {
			above := &c.reports[p]
			if p == i || above.Rank == r.Rank || !near(above, r) || !sameWork(above, r) || c.of[p] == c.of[i] {
				continue
			}
			if below[c.of[p]] == nil {
				order = append(order, c.of[p])
			}
			if !slices.Contains(below[c.of[p]], c.of[i]) {
				below[c.of[p]] = append(below[c.of[p]], c.of[i])
			}
		}
	}
	for _, above := range order {
		children := below[above]
		var attempts []int
		for _, child := range children {
			if !c.failed(child) {
				attempts = append(attempts, child)
			}
		}
		if len(attempts) == 0 {
			attempts = children[:1] // all failed: the call above tells of one of them
		}
		if len(attempts) == 1 {
			c.merge(c.all[c.root(above)].members[0], c.all[c.root(attempts[0])].members[0], ReasonParent)
			continue
		}
		best := c.root(attempts[0])
		for _, child := range attempts[1:] {
			if better(c.best(c.root(child)), c.best(best)) < 0 {
				best = c.root(child)
			}
		}
		if top := c.root(above); !c.leadsTo(best, top) {
			c.all[top].loses, c.all[top].why = best, ReasonRetries
		}
	}
}

// insides merges a report of a client or framework with the only one that ran inside it in the same trace, where spans that
// aren't calls lie between them. Equal usage is asked for, as calls of other models may run at the same time.
func (c *calls) insides() {
	if len(c.reports) == 2 && c.of[0] == c.of[1] { // the usual group
		return
	}
	traces := map[[16]byte][]int{}
	var order [][16]byte
	for i := range c.reports {
		k := c.of[i]
		if len(c.all[k].members) > 1 || c.all[k].loses >= 0 || c.reports[i].Input+c.reports[i].Output == 0 {
			continue
		}
		t := c.reports[i].Trace
		if traces[t] == nil {
			order = append(order, t)
		}
		traces[t] = append(traces[t], i)
	}
	for _, t := range order {
		inner, outer := map[int][]int{}, map[int][]int{}
		for _, i := range traces[t] {
			for _, j := range traces[t] {
				a, b := &c.reports[i], &c.reports[j]
				if a.Role == ledger.RoleWrapper && b.Rank > a.Rank && near(a, b) && contains(a, b) && sameWork(a, b) &&
					a.Input == b.Input && a.Output == b.Output {
					inner[i] = append(inner[i], j)
					outer[j] = append(outer[j], i)
				}
			}
		}
		for _, i := range traces[t] {
			if len(inner[i]) == 1 && len(outer[inner[i][0]]) == 1 {
				c.merge(i, inner[i][0], ReasonInside)
			}
		}
	}
}

func (c *calls) root(k int) int {
	for c.all[k].into >= 0 {
		k = c.all[k].into
	}
	return k
}

// leadsTo reports whether call k gives way, at last, to call end: parents that go round in a circle are a sender's fault.
func (c *calls) leadsTo(k, end int) bool {
	for ; k != end; k = c.root(c.all[k].loses) {
		if c.all[k].loses < 0 {
			return false
		}
	}
	return true // at once, or over others
}

// best is the report that stands for a call.
func (c *calls) best(k int) *Report {
	var best *Report
	for _, m := range c.all[k].members {
		if r := &c.reports[m]; best == nil || better(r, best) < 0 {
			best = r
		}
	}
	return best
}

func (c *calls) failed(k int) bool { return c.best(c.root(k)).empty() }
