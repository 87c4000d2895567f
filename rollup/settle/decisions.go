package settle

// decisions are those that are stored: those of reports that are known beside them, so that they aren't looked up, and others.
type decisions struct {
	reports *index[Report]
	known   []decision
	of      []int32 // beside the reports: where in known, from 1; shorter than they where the last have none
	apart   index[decision]
}

func newDecisions(reports *index[Report]) decisions {
	return decisions{reports: reports, apart: newIndex(func(d *decision) *ID { return &d.ID })}
}

// grow makes room for a decision of each report.
func (x *decisions) grow() {
	n := len(x.reports.all)
	if x.known == nil {
		x.known = make([]decision, 0, n)
	}
	x.reach(n)
}

func (x *decisions) reach(n int) {
	if n > len(x.of) {
		x.of = append(x.of, make([]int32, n-len(x.of))...)
	}
}

// find is nil if nothing was decided of the identity.
func (x *decisions) find(id *ID) *decision { return x.beside(x.reports.at(id), id) }

// beside is find for the identity of the report at that place; none is at a place below 0.
func (x *decisions) beside(at int, id *ID) *decision {
	if at >= 0 && at < len(x.of) && x.of[at] > 0 {
		return &x.known[x.of[at]-1]
	}
	return x.apart.find(id)
}

// take takes a decision in, and says whether it is new: of something else, or a later one.
func (x *decisions) take(d *decision, at int) bool {
	switch old := x.beside(at, &d.ID); {
	case old != nil && old.revision >= d.revision:
		return false
	case old != nil:
		*old = *d
	case at < 0:
		x.apart.put(d)
	default:
		x.known = append(x.known, *d)
		x.reach(at + 1)
		x.of[at] = int32(len(x.known))
	}
	return true
}

// each calls a function with every decision.
func (x *decisions) each(do func(*decision)) {
	for _, list := range [][]decision{x.known, x.apart.all} {
		for i := range list {
			do(&list[i])
		}
	}
}
