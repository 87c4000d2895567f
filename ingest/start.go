package ingest

import "fmt"

// startFacts is all that the start rule looks at, for one partition (DESIGN D3 "Start").
type startFacts struct {
	logStart, logEnd int64
	committed        int64 // −1: none
	stored           *storedEnd
	otherTopicID     bool // ranges are stored under another id of this topic, none under this one
	tailHash         uint64
	tailRead         bool // tailHash is the hash of the record at stored.next − 1
}

// storedEnd is the contiguous end of what ClickHouse has of a partition.
type storedEnd struct {
	next int64
	hash uint64 // of the record at next − 1; 0 = unknown, because no record before next was stored in this epoch
}

// startDecision says where to begin and what to write down first.
type startDecision struct {
	offset   int64
	newEpoch string // not empty: write an epoch row with this reason
	gapFrom  int64  // ≥ 0: write a gap row [gapFrom, offset)
	alarm    bool
}

// decideStart is the start rule. Whatever it begins too early changes nothing; it never begins behind a record that is
// not stored, unless that record is gone, and then there is a gap row.
func decideStart(f startFacts) startDecision {
	d := startDecision{offset: f.logStart, gapFrom: -1}
	switch {
	case f.stored == nil && f.otherTopicID:
		d.newEpoch, d.alarm = "the topic was deleted and created again", true
		return d
	case f.stored == nil && f.committed >= 0:
		d.newEpoch = fmt.Sprintf("the database knows nothing of this topic, though the group has committed offset %d: it is another one, or lost", f.committed)
		d.alarm = true
		if f.logStart > 0 {
			d.gapFrom = 0
		}
		return d
	case f.stored == nil:
		d.newEpoch = "first start"
		return d
	case f.stored.next > f.logEnd:
		d.newEpoch = fmt.Sprintf("stored up to offset %d, but the log ends at %d", f.stored.next, f.logEnd)
		d.alarm = true
		return d
	case f.tailRead && f.stored.hash != 0 && f.tailHash != f.stored.hash:
		d.newEpoch = fmt.Sprintf("the record at offset %d is another one than was stored", f.stored.next-1)
		d.alarm = true
		return d
	}
	d.offset = f.stored.next
	if f.committed >= 0 {
		d.offset = min(d.offset, f.committed)
	}
	if f.stored.next < f.logStart {
		d.gapFrom, d.alarm = f.stored.next, true
	}
	d.offset = max(d.offset, f.logStart)
	return d
}

// rangeRow is a row of ingest_ranges.
type rangeRow struct {
	partition   int
	kind        int8
	first, next int64
	rows        uint64
	cost        sum
	hash        uint64
	reason      string
}

// Kinds of rows in ingest_ranges.
const (
	kindRange      int8 = 0
	kindGap        int8 = 1
	kindCheckpoint int8 = 2
	kindEpoch      int8 = 3
)

// chain joins a partition's ranges to what they prove stored: from the newest base (epoch, gap or checkpoint) on, as far
// as each range begins where the ones before have reached. Rows come ordered by first. total counts rows and cost once
// per offset, as far as ranges overlap whole.
func chain(rows []rangeRow) (end *storedEnd, total rangeRow) {
	base := -1
	for i, r := range rows {
		if r.kind != kindRange && (base < 0 || r.next > rows[base].next) {
			base = i
		}
	}
	if base < 0 {
		return nil, rangeRow{}
	}
	total = rows[base]
	if total.kind != kindCheckpoint {
		total.first, total.rows, total.cost = total.next, 0, sum{}
	}
	end = &storedEnd{next: total.next, hash: total.hash}
	for _, r := range rows {
		if r.kind != kindRange || r.first > end.next || r.next <= end.next {
			continue
		}
		end.next, end.hash = r.next, r.hash
		total.rows += r.rows
		total.cost = total.cost.Add(r.cost)
	}
	total.next, total.hash = end.next, end.hash
	return end, total
}
