package settle

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
)

// sorted is reports by their identities. What is sorted is where they are: a report is large, and so is the text in its identity.
type sorted struct {
	reports []Report
	order   []int32
}

func (s sorted) len() int         { return len(s.order) }
func (s sorted) at(i int) *Report { return &s.reports[s.order[i]] }

// all are the reports in their order.
func (s sorted) all() []Report {
	out := make([]Report, s.len())
	for i := range out {
		out[i] = *s.at(i)
	}
	return out
}

// without leaves some out; the order that it was called on is used up.
func (s sorted) without(leave func(*Report) bool) sorted {
	s.order = slices.DeleteFunc(s.order, func(at int32) bool { return leave(&s.reports[at]) })
	return s
}

// distinct sorts the reports and keeps the newest version of each.
func distinct(reports []Report) sorted {
	s := sorted{reports, sortedFrom(reports, 0)}
	s.order = slices.CompactFunc(s.order, func(a, b int32) bool { return reports[a].ID == reports[b].ID })
	return s
}

// sortedFrom are the places of reports from one on, by their identities, of each the newest version first.
func sortedFrom(reports []Report, from int) []int32 {
	type place struct {
		minute int64
		trace  uint64 // its first half
		tenant int32  // its place among all tenants
		at     int32
	}
	tenants := ranked(reports[from:])
	places := make([]place, len(reports)-from)
	for i := range places {
		r := &reports[from+i]
		places[i] = place{r.Minute, binary.BigEndian.Uint64(r.Trace[:]), tenants[r.Tenant], int32(from + i)}
	}
	slices.SortFunc(places, func(a, b place) int {
		switch {
		case a.minute != b.minute:
			return cmp.Compare(a.minute, b.minute)
		case a.tenant != b.tenant:
			return cmp.Compare(a.tenant, b.tenant)
		case a.trace != b.trace:
			return cmp.Compare(a.trace, b.trace)
		}
		x, y := &reports[a.at], &reports[b.at]
		if c := x.compare(y.ID); c != 0 {
			return c
		}
		return cmp.Compare(y.Version, x.Version)
	})
	out := make([]int32, len(places))
	for i := range places {
		out[i] = places[i].at
	}
	return out
}

// merged is the order of reports whose first are sorted already, and none of which has another's identity.
func merged(reports []Report, first []int32) sorted {
	if len(first) == len(reports) {
		return sorted{reports, first}
	}
	rest := sortedFrom(reports, len(first))
	out := make([]int32, 0, len(reports))
	for len(first) > 0 && len(rest) > 0 {
		if reports[first[0]].compare(reports[rest[0]].ID) < 0 {
			out, first = append(out, first[0]), first[1:]
		} else {
			out, rest = append(out, rest[0]), rest[1:]
		}
	}
	return sorted{reports, append(append(out, first...), rest...)}
}

// ranked are the tenants, each with its place in their order.
func ranked(reports []Report) map[string]int32 {
	places := map[string]int32{}
	for i := range reports {
		places[reports[i].Tenant] = 0
	}
	for i, tenant := range slices.Sorted(maps.Keys(places)) {
		places[tenant] = int32(i)
	}
	return places
}
