package settle

import (
	"context"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// lookOver reads what lies beneath the aggregates that were found, over the whole time that each ran, so that every look at one
// decides by the same calls. Again is false if all were looked over before.
func (n *neighbours) lookOver(ctx context.Context) (ask keys, again bool, err error) {
	var asked [][16]byte
	var lo, hi int64
	for i := range n.reports.all {
		r := &n.reports.all[i]
		if r.Role != ledger.RoleAggregate {
			continue
		}
		if v, ok := n.whole[r.ID]; ok && v == r.Version {
			continue
		}
		n.whole[r.ID] = r.Version
		first, last := r.Minute, max(r.Minute, min(r.End, r.Start+int64(MaxSpan))/int64(time.Second))
		if lo == 0 || first < lo {
			lo = first
		}
		hi = max(hi, last)
		asked = append(asked, r.Trace)
	}
	if len(asked) == 0 {
		return ask, false, nil
	}
	from, to := time.Unix(lo, 0).UTC().Truncate(time.Minute).Add(-time.Minute), time.Unix(hi, 0).UTC().Truncate(time.Minute).Add(2*time.Minute)
	for ; len(asked) > 0; asked = asked[min(len(asked), keysPerQuery):] {
		keys := hexTraces(asked[:min(len(asked), keysPerQuery)])
		reports, err := n.store.reports(ctx, "settle/more", named("from", from), named("to", to), named("traces", keys), named("responses", []uint64{}))
		if err != nil {
			return ask, false, wrap("look for the calls of aggregates", n.minute, err)
		}
		others, err := n.store.reports(ctx, "settle/others", named("from", from), named("to", to), named("traces", keys),
			named("candidate", uint32(ledger.FlagCandidate|ledger.FlagUnseenLeaf)))
		if err != nil {
			return ask, false, wrap("look for the calls of aggregates", n.minute, err)
		}
		n.add(reports, &ask)
		err = n.store.eachDecision(ctx, func(d *decision) { n.decided(d, &ask) }, "settle/stored_more", named("from", from), named("to", to), named("traces", keys))
		if err != nil {
			return ask, false, wrap("read earlier decisions", n.minute, err)
		}
		for _, r := range others {
			n.others[r.ID] = r
		}
	}
	return ask, true, nil
}

// aggregates are those that can be decided, and when those of this minute can that can't yet.
func (n *neighbours) aggregates(now time.Time) (ready []Report, later []time.Time) {
	for i := range n.reports.all {
		r := &n.reports.all[i]
		switch {
		case r.Role != ledger.RoleAggregate:
		case !due(r).After(now):
			ready = append(ready, *r)
		case r.Minute == n.minute.Unix():
			later = append(later, due(r))
		}
	}
	return ready, later
}
