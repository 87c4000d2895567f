package settle

import "math/rand/v2"

// changes are the decisions to write, whole groups of them, and the minutes whose totals change by that.
type changes struct {
	stored   map[ID]decision
	touched  map[int64]bool
	leaves   []*Unseen    // of which a report has to be written
	reserved [][]decision // before that
	final    [][]decision // a group each
}

// group takes up a group if anything in it differs from what is stored.
func (c *changes) group(g *Group) {
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
	for id, old := range c.stored {
		if old.Winner == a && (old.Reason == ReasonUnseen && !old.Loses || old.Reason == ReasonReplaced) && id != u.By {
			members = append(members, decision{ID: id, Verdict: Verdict{true, a, ReasonReplaced}})
		}
	}
	missing := false
	if !u.Explained() {
		leaf := decision{ID: u.By, Verdict: Verdict{false, a, ReasonUnseen}}
		missing = c.stored[u.By].Verdict != leaf.Verdict
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
	for _, m := range members {
		old, ok := c.stored[m.ID]
		highest = max(highest, old.revision>>32)
		if old.Verdict != m.Verdict && (ok || m.Verdict != Verdict{}) {
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
		if _, ok := c.stored[m.ID]; ok || m.Verdict != (Verdict{}) {
			group = append(group, decision{m.ID, m.Verdict, revision})
		}
	}
	c.final = append(c.final, group)
	return revision
}
