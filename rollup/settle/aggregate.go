package settle

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Why an aggregate's report never counts itself, and what becomes of the calls that were made of it.
const (
	ReasonExplained = "explained"   // its calls explain all that an aggregate used
	ReasonUnseen    = "unseen_leaf" // what no call of it explains is a call of its own, an unseen leaf
	ReasonReplaced  = "replaced"    // an unseen leaf in whose place another one is, or none
)

// Unseen is what is decided of an aggregate (a span of an agent, a workflow or a framework's root that tells the usage of all
// that ran beneath it).
type Unseen struct {
	Aggregate     Report
	Input, Output uint64 // tokens that its calls don't explain; both 0: all explained
	By            ID     // what stands for it: its best call, or the unseen leaf
}

// Whole reports whether nothing of the aggregate is explained.
func (u *Unseen) Whole() bool {
	return u.Input == u.Aggregate.Input && u.Output == u.Aggregate.Output
}

// Explained reports whether its calls tell all that it used.
func (u *Unseen) Explained() bool { return u.Input == 0 && u.Output == 0 }

// verdict is the aggregate's own.
func (u *Unseen) verdict() Verdict {
	if u.Explained() {
		return Verdict{true, u.By, ReasonExplained}
	}
	return Verdict{true, u.By, ReasonUnseen}
}

// leafID is the identity of the unseen leaf: another content is another call, so that an amount never changes under an id.
func (u *Unseen) leafID() ID {
	id := u.Aggregate.ID
	var b [32]byte
	copy(b[:], u.Aggregate.Span[:])
	binary.BigEndian.PutUint64(b[8:], u.Aggregate.Version)
	binary.BigEndian.PutUint64(b[16:], u.Input)
	binary.BigEndian.PutUint64(b[24:], u.Output)
	binary.BigEndian.PutUint64(id.Span[:], xxhash.Sum64(b[:]))
	return id
}

// tokens is a pair of counts: input and output.
type tokens [2]uint64

func (a tokens) plus(b tokens) tokens { return tokens{a[0] + b[0], a[1] + b[1]} }

// over is what of a is above b.
func (a tokens) over(b tokens) tokens {
	return tokens{a[0] - min(a[0], b[0]), a[1] - min(a[1], b[1])}
}

// DecideAggregates says of each aggregate what the calls beneath it don't explain. Calls are the groups that Decide made of the
// candidates (a call is a report that stands, with those that gave way to it) and others, which nobody repeats.
//
// A call lies beneath the aggregate to which its parents lead, as far as they are reports themselves; where they lead to none,
// beneath one of those that it ran within in its trace: the shortest that still lacks something. What an aggregate beneath
// another used is explained to the upper one whether its calls were seen or not. Input and output are compared as whole sums,
// since an aggregate may not tell the cache. The outcome is a function of the sets.
func DecideAggregates(aggregates []Report, groups []Group, others []Report) []Unseen {
	if len(aggregates) == 0 {
		return nil
	}
	t := newTree(distinct(aggregates).all(), groups, distinct(others).all())
	t.nest()
	t.assign()
	out := make([]Unseen, len(t.all))
	done := make([]bool, len(t.all))
	for i := range t.all {
		t.decide(i, out, done)
	}
	return out
}

// told is a call with all reports that tell of it, the one that stands first.
type told struct {
	reports []*Report
	usage   tokens
}

type tree struct {
	all      []Report // the aggregates, sorted
	calls    []told
	at       map[spanKey]*Report // reports of calls by their span
	place    map[spanKey]int     // aggregates by their span
	traces   map[[16]byte][]int  // aggregates by trace, the shortest first
	above    []int               // the aggregate above an aggregate, or -1
	below    [][]int
	assigned [][]*told
}

func newTree(aggregates []Report, groups []Group, others []Report) *tree {
	t := &tree{all: aggregates, at: map[spanKey]*Report{}, place: map[spanKey]int{}, traces: map[[16]byte][]int{},
		above: make([]int, len(aggregates)), below: make([][]int, len(aggregates)), assigned: make([][]*told, len(aggregates))}
	for i := range t.all {
		a := &t.all[i]
		t.place[spanKey{a.Trace, a.Span}] = i
		t.traces[a.Trace] = append(t.traces[a.Trace], i)
	}
	for _, list := range t.traces {
		slices.SortFunc(list, func(i, j int) int {
			return cmp.Or(cmp.Compare(t.all[i].End-t.all[i].Start, t.all[j].End-t.all[j].Start), cmp.Compare(i, j))
		})
	}
	for _, g := range groups {
		stands := map[ID]int{}
		for i := range g.Reports {
			if !g.Verdicts[i].Loses {
				stands[g.Reports[i].ID] = len(t.calls)
				t.addCall(&g.Reports[i])
			}
		}
		for i := range g.Reports {
			if n, ok := stands[g.Verdicts[i].Winner]; ok && g.Verdicts[i].Loses {
				t.calls[n].reports = append(t.calls[n].reports, &g.Reports[i])
				t.at[spanKey{g.Reports[i].Trace, g.Reports[i].Span}] = &g.Reports[i]
			}
		}
	}
	for i := range others {
		t.addCall(&others[i])
	}
	slices.SortFunc(t.calls, func(a, b told) int { return a.reports[0].compare(b.reports[0].ID) })
	return t
}

func (t *tree) addCall(r *Report) {
	t.calls = append(t.calls, told{[]*Report{r}, tokens{r.Input, r.Output}})
	t.at[spanKey{r.Trace, r.Span}] = r
}

// upwards is the nearest aggregate to which a report's parents lead, or -1.
func (t *tree) upwards(r *Report) int {
	from := r
	for range MaxMembers { // parents that go round in a circle are a sender's fault
		k := spanKey{r.Trace, r.Parent}
		if i, ok := t.place[k]; ok && oneTenant(&t.all[i], from) {
			return i
		}
		if r = t.at[k]; r == nil {
			return -1
		}
	}
	return -1
}

// around are the aggregates within which a report ran, the shortest first.
func (t *tree) around(r *Report) (out []int) {
	for _, i := range t.traces[r.Trace] {
		if a := &t.all[i]; contains(a, r) && oneTenant(a, r) {
			out = append(out, i)
		}
	}
	return out
}

func oneTenant(a, b *Report) bool { return a.Tenant == b.Tenant || a.Authenticated && b.Authenticated }

// nest finds the aggregate above each one.
func (t *tree) nest() {
	for i := range t.all {
		t.above[i] = t.upwards(&t.all[i])
		if t.above[i] >= 0 {
			continue
		}
		list := t.around(&t.all[i])
		for _, j := range list[slices.Index(list, i)+1:] {
			if t.all[j].End-t.all[j].Start > t.all[i].End-t.all[i].Start {
				t.above[i] = j
				break
			}
		}
	}
	for i := range t.all {
		for j, n := t.above[i], 0; j >= 0; j, n = t.above[j], n+1 {
			if j == i || n > len(t.all) {
				t.above[i] = -1
				break
			}
		}
	}
	for i, j := range t.above {
		if j >= 0 {
			t.below[j] = append(t.below[j], i)
		}
	}
}

// assign gives every call to one aggregate.
func (t *tree) assign() {
	type loose struct {
		call   *told
		around []int
	}
	var free []loose
	for n := range t.calls {
		c := &t.calls[n]
		owner := -1
		var around []int
		for _, r := range c.reports {
			if owner = t.upwards(r); owner >= 0 {
				break
			}
			if around == nil {
				around = t.around(r)
			}
		}
		switch {
		case owner >= 0:
			t.assigned[owner] = append(t.assigned[owner], c)
		case len(around) > 0:
			free = append(free, loose{c, around})
		}
	}
	for _, f := range free {
		owner := f.around[0]
		for _, i := range f.around {
			if t.usageOf(i).over(t.explained(i)) != (tokens{}) {
				owner = i
				break
			}
		}
		t.assigned[owner] = append(t.assigned[owner], f.call)
	}
}

func (t *tree) usageOf(i int) tokens { return tokens{t.all[i].Input, t.all[i].Output} }

// explained is what the calls and the aggregates beneath one add up to.
func (t *tree) explained(i int) (sum tokens) {
	for _, c := range t.assigned[i] {
		sum = sum.plus(c.usage)
	}
	for _, j := range t.below[i] {
		inner, own := t.explained(j), t.usageOf(j)
		sum = sum.plus(tokens{max(inner[0], own[0]), max(inner[1], own[1])})
	}
	return sum
}

// decide fills in the aggregate's outcome after those beneath it.
func (t *tree) decide(i int, out []Unseen, done []bool) {
	if done[i] {
		return
	}
	done[i] = true
	rest := t.usageOf(i).over(t.explained(i))
	u := Unseen{Aggregate: t.all[i], Input: rest[0], Output: rest[1]}
	if !u.Explained() {
		u.By = u.leafID()
		out[i] = u
		return
	}
	var best *Report
	for _, c := range t.assigned[i] {
		if r := c.reports[0]; best == nil || better(r, best) < 0 {
			best = r
		}
	}
	if best != nil {
		u.By = best.ID
	} else if len(t.below[i]) > 0 {
		j := t.below[i][0]
		t.decide(j, out, done)
		u.By = out[j].By
	}
	out[i] = u
}

// AggregateWait is how long after its end an aggregate stays provisional: its calls may come later than it does.
const AggregateWait = time.Minute

// due is when an aggregate is settled. Who has no believable clock is settled by when it came.
func due(r *Report) time.Time {
	end := min(r.End, r.Start+int64(MaxSpan))
	if r.Flags&ledger.FlagStartOutside != 0 {
		end = r.Minute*int64(time.Second) + int64(time.Minute)
	}
	return time.Unix(0, end).Add(AggregateWait)
}
