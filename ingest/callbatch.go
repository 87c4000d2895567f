package ingest

import (
	"cmp"
	"slices"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// callBatch is what one step stores.
type callBatch struct {
	groups     [][]decoded // one insert each
	done       int         // groups that are stored
	minutes    map[int64]struct{}
	dead       []deadLetter // found by reading
	late       []deadLetter // refused by the table
	ranges     []rangeRow
	candidates int   // calls that go to settle_candidates too
	oldest     int64 // receipt, Unix nanoseconds; 0 = no calls
}

// prepare decodes the chunks. The batch is valid until the next one is prepared.
func (s *callSink) prepare(chunks []*chunk) *callBatch {
	b := &callBatch{minutes: map[int64]struct{}{}}
	all := s.decoded[:0]
	for _, c := range chunks {
		if c.gapFrom < c.first {
			b.ranges = append(b.ranges, gapRow(c.partition, c.gapFrom, c.first, "missing in the log"))
		}
		row := rangeRow{partition: c.partition, kind: kindRange, first: c.first, next: c.next, hash: c.hash}
		for i := range c.records {
			r := &c.records[i]
			if r.control {
				continue
			}
			before := len(all)
			var refused []refused
			var err error
			all, refused, err = decode(all, originOf(r, origin{s.state.id, c.partition, r.offset, 0}), r.value)
			if err != nil {
				b.dead = append(b.dead, deadLetter{r, c.partition, r.value, -1, reasonOf(err), err})
				continue
			}
			for _, f := range refused {
				b.dead = append(b.dead, deadLetter{r, c.partition, f.batch, f.index, ReasonRefusedCall, f.err})
			}
			for j := before; j < len(all); j++ {
				all[j].from, all[j].partition, all[j].index = r, c.partition, j-before
				b.add(&all[j].call)
				row.cost = row.cost.AddMoney(all[j].call.TotalCost())
			}
			row.rows += uint64(len(all) - before)
		}
		if row.first < row.next {
			b.ranges = append(b.ranges, row)
		}
	}
	b.groups = groupDays(all, len(b.days()), maxDays)
	s.decoded = all
	return b
}

func (b *callBatch) days() map[int64]struct{} {
	days := map[int64]struct{}{}
	for minute := range b.minutes {
		days[minute/86400] = struct{}{}
	}
	return days
}

func (b *callBatch) add(c *ledger.Call) {
	b.minutes[c.Minute] = struct{}{}
	if c.Flags&ledger.FlagCandidate != 0 {
		b.candidates++
	}
	if b.oldest == 0 || c.Received < b.oldest {
		b.oldest = c.Received
	}
}

// maxDays is the most distinct days of one insert: ClickHouse refuses more than 100 partitions.
const maxDays = 90

// groupDays cuts calls of too many days into several inserts of at most that many.
func groupDays(calls []decoded, days, most int) [][]decoded {
	if len(calls) == 0 {
		return nil
	}
	if days <= most {
		return [][]decoded{calls}
	}
	slices.SortStableFunc(calls, func(a, b decoded) int { return cmp.Compare(a.call.Minute, b.call.Minute) })
	var groups [][]decoded
	start, seen := 0, 1
	for i := 1; i < len(calls); i++ {
		if calls[i].call.Minute/86400 == calls[i-1].call.Minute/86400 {
			continue
		}
		if seen == most {
			groups = append(groups, calls[start:i])
			start, seen = i, 0
		}
		seen++
	}
	return append(groups, calls[start:])
}

// joinRanges makes one row of ranges that follow each other in a partition.
func joinRanges(rows []rangeRow) []rangeRow {
	var out []rangeRow
	last := map[int]int{} // partition → its last row in out
	for _, r := range rows {
		i, ok := last[r.partition]
		if ok && r.kind == kindRange && out[i].kind == kindRange && out[i].next == r.first {
			out[i].next, out[i].hash = r.next, r.hash
			out[i].rows += r.rows
			out[i].cost = out[i].cost.Add(r.cost)
			continue
		}
		last[r.partition] = len(out)
		out = append(out, r)
	}
	return out
}
