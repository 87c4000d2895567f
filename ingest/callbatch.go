package ingest

import (
	"cmp"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// callBatch is what one step stores. Its calls are in columns, for one insert. Only where that is too much, or refused, are
// they read again, one by one.
type callBatch struct {
	id     kadm.TopicID
	within moments
	chunks []*chunk
	*columns
	stored  bool // the columns are
	minutes map[int64]struct{}
	dead    []deadLetter // found by reading
	late    []deadLetter // refused by the table
	ranges  []rangeRow
	oldest  int64 // receipt, Unix nanoseconds; 0 = no calls

	divided bool
	groups  [][]decoded // if divided: one insert each
	done    int         // groups that are stored
}

// columns are a batch's calls as two tables take them; candidates are those that may be told twice (DESIGN D4).
type columns struct {
	calls      *callTable
	candidates *candidateTable
	record     []decoded // of one record
}

func newColumns() *columns {
	return &columns{calls: newCallTable(), candidates: newCandidateTable()}
}

func (c *columns) append(d *decoded) {
	c.calls.append(&d.call, d.version)
	if d.call.Flags&ledger.FlagCandidate != 0 {
		c.candidates.append(&d.call, d.version)
	}
}

// prepareCalls decodes the chunks of a topic into columns, which are the batch's until it is stored.
func prepareCalls(id kadm.TopicID, within moments, chunks []*chunk, into *columns) *callBatch {
	b := &callBatch{id: id, within: within, chunks: chunks, columns: into, minutes: map[int64]struct{}{}}
	b.calls.reset()
	b.candidates.reset()
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
			refused, err := b.decode(c.partition, r)
			if err != nil {
				b.dead = append(b.dead, deadLetter{r, c.partition, r.value, -1, reasonOf(err), err})
				continue
			}
			for _, f := range refused {
				b.dead = append(b.dead, deadLetter{r, c.partition, f.batch, f.index, f.reason, f.err})
			}
			for j := range b.record {
				d := &b.record[j]
				b.columns.append(d)
				b.note(&d.call)
				row.cost = row.cost.AddMoney(d.call.TotalCost())
			}
			row.rows += uint64(len(b.record))
		}
		if row.first < row.next {
			b.ranges = append(b.ranges, row)
		}
	}
	if days := len(b.days()); days > maxDays {
		b.divideInto(groupDays(b.again(), days, maxDays))
	}
	return b
}

// decode fills b.record with a record's calls that may be stored.
func (b *callBatch) decode(partition int, r *record) (bad []refused, err error) {
	b.record, bad, err = decode(b.record[:0], originOf(r, origin{b.id, partition, r.offset, 0}), r.value)
	for j := range b.record {
		b.record[j].from, b.record[j].partition = r, partition
	}
	b.record = slices.DeleteFunc(b.record, func(d decoded) bool {
		wrong := b.within.check(&d.call)
		if wrong != nil {
			bad = append(bad, refused{ledger.AppendBatch(nil, []ledger.Call{d.call}), d.index, ReasonTime, wrong})
		}
		return wrong != nil
	})
	return bad, err
}

// again decodes the calls once more, as a list.
func (b *callBatch) again() []decoded {
	all := make([]decoded, 0, b.calls.rows)
	for _, c := range b.chunks {
		for i := range c.records {
			if r := &c.records[i]; !r.control {
				if _, err := b.decode(c.partition, r); err == nil {
					all = append(all, b.record...)
				}
			}
		}
	}
	return all
}

func (b *callBatch) divideInto(groups [][]decoded) { b.divided, b.groups = true, groups }

func (b *callBatch) days() map[int64]struct{} {
	days := map[int64]struct{}{}
	for minute := range b.minutes {
		days[minute/86400] = struct{}{}
	}
	return days
}

func (b *callBatch) note(c *ledger.Call) {
	b.minutes[c.Minute] = struct{}{}
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
