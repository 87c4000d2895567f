package settle

import "math/rand/v2"

// changes are the decisions to write, whole groups of them, and the minutes whose totals change by that.
type changes struct {
	stored   *decisions
	touched  map[int64]bool
	leaves   []*Unseen    // of which a report has to be written
	reserved [][]decision // before that
	final    [][]decision // a group each
}

// group takes up a group if anything in it differs from what is stored.
func (c *changes) group(g *Group) {
	differs := false
	for i := range g.Reports {
		if differs = changed(c.stored.beside(int(g.places[i]), &g.Reports[i].ID), g.Verdicts[i]); differs {
			break
		}
	}
	if !differs { // as it is nearly always
		return
	}
	members := make([]decision, 0, len(g.Reports))
	for i := range g.Reports {
		members = append(members, decision{ID: g.Reports[i].ID, Verdict: g.Verdicts[i]})
	}
	c.take(members)
}

// aggregate takes up an aggregate with its unseen leaf and those that were made of it before.
func (c *changes) aggregate(u *Unseen) {
	a := u.Aggregate.ID
	members := []decision{{ID: a, Verdict: u.verdict()}}
	c.stored.each(func(old *decision) {
		if old.Winner == a && (old.Reason == ReasonUnseen && !old.Loses || old.Reason == ReasonReplaced) && old.ID != u.By {
			members = append(members, decision{ID: old.ID, Verdict: Verdict{true, a, ReasonReplaced}})
		}
	})
	missing := false
	if !u.Explained() {
		leaf := decision{ID: u.By, Verdict: Verdict{false, a, ReasonUnseen}}
		old := c.stored.find(&u.By)
		missing = old == nil || old.Verdict != leaf.Verdict
		members = append(members, leaf)
	}
	if revision := c.take(members); missing {
		c.leaves = append(c.leaves, u)
		c.reserved = append(c.reserved, []decision{{u.By, Verdict{true, a, ReasonReplaced}, revision - 1<<32}})
	}
}

// take adds the members' decisions if one of them differs, under a revision above all that is stored of them, less one that
// is left free.
func (c *changes) take(members []decision) (revision uint64) {
	var highest uint64
	differs := false
	for i := range members {
		m := &members[i]
		old := c.stored.find(&m.ID)
		if old != nil {
			highest = max(highest, old.revision>>32)
		}
		if changed(old, m.Verdict) {
			differs = true
			c.touched[m.Minute] = true
		}
	}
	if !differs {
		return 0
	}
	// Two that decide at once write the same number; the lower half says whose decision holds, as a whole.
	revision = (highest+2)<<32 | uint64(rand.Uint32())
	var group []decision
	for _, m := range members {
		if c.stored.find(&m.ID) != nil || m.Verdict != (Verdict{}) {
			group = append(group, decision{m.ID, m.Verdict, revision})
		}
	}
	c.final = append(c.final, group)
	return revision
}

// changed says whether a verdict is another than the one that is stored, if one is: who isn't known to lose stands.
func changed(old *decision, now Verdict) bool {
	if old == nil {
		return now != Verdict{}
	}
	return old.Verdict != now
}
