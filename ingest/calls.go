package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/cespare/xxhash/v2"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// callSink stores calls (DESIGN D3).
type callSink struct {
	stream   *stream
	conn     driver.Conn
	inserter *inserter
	dead     *deadLetters
	log      *slog.Logger
	metrics  *metrics
	now      func() time.Time

	// Of the present generation; begin sets them, and nothing else runs while it does.
	log0        logState
	storedUntil map[int]int64 // what was stored before the generation, for counting replays
	checkpoint  map[int]time.Time

	decoded    []decoded // reused
	calls      *callTable
	candidates *candidateTable
	marks      *markTable
	ranges     *rangeTable
}

func (s *callSink) ofTopic() ranges {
	return ranges{conn: s.conn, topic: ledger.TopicCalls, id: s.log0.id}
}

// begin applies the start rule to every partition and writes down new epochs and gaps.
func (s *callSink) begin(ctx context.Context, committed map[int]int64) (map[int]position, error) {
	state, err := s.stream.brokers.logState(ctx, ledger.TopicCalls)
	if err != nil {
		return nil, err
	}
	s.log0, s.storedUntil, s.checkpoint = state, map[int]int64{}, map[int]time.Time{}
	starts := map[int]position{}
	s.ranges.reset()
	var alarms []func()
	for partition, offset := range committed {
		facts, err := s.facts(ctx, partition, offset)
		if err != nil {
			return nil, err
		}
		d := decideStart(facts)
		alarms = append(alarms, s.note(partition, facts, d))
		starts[partition] = position{next: d.offset}
		s.storedUntil[partition] = d.offset
		if facts.stored != nil && d.newEpoch == "" {
			s.storedUntil[partition] = max(d.offset, facts.stored.next)
			if d.offset == facts.stored.next {
				starts[partition] = position{next: d.offset, hash: facts.stored.hash}
			}
		}
		s.checkpoint[partition] = s.now()
	}
	if err := s.inserter.insert(ctx, "ingest/insert_ranges", &s.ranges.table); err != nil {
		return nil, err
	}
	for _, alarm := range alarms {
		alarm()
	}
	return starts, nil
}

// facts gathers what the start rule needs.
func (s *callSink) facts(ctx context.Context, partition int, committed int64) (startFacts, error) {
	f := startFacts{logStart: s.log0.start[partition], logEnd: s.log0.end[partition], committed: max(-1, committed)}
	rows, err := s.ofTopic().read(ctx, partition)
	if err != nil {
		return f, err
	}
	f.stored, _ = chain(rows)
	if f.stored == nil {
		f.otherTopicID, err = s.ofTopic().otherTopicID(ctx, partition)
		return f, err
	}
	if f.stored.hash == 0 || f.stored.next <= f.logStart || f.stored.next > f.logEnd {
		return f, nil
	}
	f.tailHash, f.tailRead, err = s.tail(ctx, partition, f.stored.next-1)
	return f, err
}

// tail hashes the record at an offset. ok is false if the log has none there, or none that can be read.
func (s *callSink) tail(ctx context.Context, partition int, offset int64) (hash uint64, ok bool, err error) {
	b := s.stream.brokers
	for {
		got, err := b.fetch(ctx, ledger.TopicCalls, partition, offset, s.stream.cfg.MaxFetch)
		switch {
		case len(got.records) > 0 && got.records[0].offset == offset:
			return xxhash.Sum64(got.records[0].value), true, nil
		case errors.Is(err, errUnreadable), len(got.records) > 0:
			return 0, false, nil
		case err != nil:
			return 0, false, err
		case got.end <= offset:
			return 0, false, nil
		}
	}
}

// note adds the rows that a decision asks for, and returns the alarm to raise once they are stored.
func (s *callSink) note(partition int, f startFacts, d startDecision) (alarm func()) {
	label := strconv.Itoa(partition)
	log := s.log.With("topic", ledger.TopicCalls, "partition", partition)
	if d.newEpoch != "" {
		s.ranges.append(ledger.TopicCalls, s.log0.id, rangeRow{partition: partition, kind: kindEpoch, first: d.offset, next: d.offset, reason: d.newEpoch})
	}
	if d.gapFrom >= 0 {
		s.ranges.append(ledger.TopicCalls, s.log0.id, gapRow(partition, d.gapFrom, d.offset, "gone before they were stored"))
	}
	return func() {
		if d.gapFrom >= 0 {
			s.metrics.gaps.WithLabelValues(label).Add(float64(d.offset - d.gapFrom))
			log.Error("calls are lost: Kafka dropped them before they were stored; retention is too short or ingest was down too long",
				"from", d.gapFrom, "to", d.offset)
		}
		if d.newEpoch != "" && d.alarm {
			s.metrics.epochs.WithLabelValues(label).Inc()
			log.Error("the log is another one than before: reading it from its start", "reason", d.newEpoch, "start", d.offset)
		}
		log.Info("start", "offset", d.offset, "log_start", f.logStart, "log_end", f.logEnd, "committed", f.committed)
	}
}

func gapRow(partition int, from, to int64, reason string) rangeRow {
	return rangeRow{partition: partition, kind: kindGap, first: from, next: to, reason: reason}
}

// verify looks whether the partition still is the log that the generation began with.
func (s *callSink) verify(ctx context.Context, partition int, at position) error {
	now, err := s.stream.brokers.logState(ctx, ledger.TopicCalls)
	switch {
	case err != nil:
		return err
	case now.id != s.log0.id:
		return fmt.Errorf("%w: the topic was re-created", errLogChanged)
	case now.end[partition] < at.next:
		return fmt.Errorf("%w: it ends at %d, read up to %d", errLogChanged, now.end[partition], at.next)
	case at.hash == 0 || at.next <= now.start[partition]:
		return nil
	}
	hash, ok, err := s.tail(ctx, partition, at.next-1)
	if err == nil && ok && hash != at.hash {
		return fmt.Errorf("%w: the record at %d differs", errLogChanged, at.next-1)
	}
	return err
}

// unreadable sets a broken record batch aside.
func (s *callSink) unreadable(ctx context.Context, partition int, offset int64) (int64, error) {
	return s.stream.setBatchAside(ctx, s.dead, s.log0.id, partition, offset)
}

// write is one step of DESIGN D3 without the commit. Every part is tried until it succeeds or ctx ends; whatever was
// stored before ctx ended is stored again later and changes nothing.
func (s *callSink) write(ctx context.Context, chunks []*chunk) error {
	b := s.prepare(chunks)
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"dead letters", func(ctx context.Context) error { return s.dead.send(ctx, s.log0.id, b.dead) }},
		{"calls", func(ctx context.Context) error { return s.insertCalls(ctx, b) }},
		{"candidates", func(ctx context.Context) error { return s.insertCandidates(ctx, b) }},
		{"marks", func(ctx context.Context) error { return s.insertMarks(ctx, b) }},
		{"ranges", func(ctx context.Context) error { return s.insertRanges(ctx, b) }},
	}
	for _, step := range steps {
		if err := s.stream.at(step.name); err != nil {
			return err
		}
		if err := s.stream.retry(ctx, step.name, step.do); err != nil {
			return err
		}
	}
	s.count(b, chunks)
	s.checkpoints(ctx, chunks)
	return nil
}

// callBatch is what one step stores.
type callBatch struct {
	groups [][]decoded // one insert each
	minute map[int64]struct{}
	dead   []deadLetter
	ranges []rangeRow
	flags  int   // candidates
	oldest int64 // receipt, Unix nanoseconds; 0 = no calls
}

// prepare decodes the chunks. The batch is valid until the next one is prepared.
func (s *callSink) prepare(chunks []*chunk) *callBatch {
	b := &callBatch{minute: map[int64]struct{}{}}
	all := s.decoded[:0]
	for _, c := range chunks {
		if c.gapFrom < c.first && len(c.records) > 0 {
			b.ranges = append(b.ranges, gapRow(c.partition, c.gapFrom, c.first, "missing in the log"))
		}
		row := rangeRow{partition: c.partition, kind: kindRange, first: c.first, next: c.next, hash: c.hash}
		for i := range c.records {
			r := &c.records[i]
			before := len(all)
			var refused []refused
			var err error
			all, refused, err = decode(all, origin{s.log0.id, c.partition, r.offset, 0}, r.value)
			if err != nil {
				b.dead = append(b.dead, deadLetter{r, c.partition, r.value, -1, reasonOf(err), err})
				continue
			}
			for _, f := range refused {
				b.dead = append(b.dead, deadLetter{r, c.partition, f.batch, f.index, ReasonRefusedCall, f.err})
			}
			for j := before; j < len(all); j++ {
				b.add(&all[j].call)
				row.cost = row.cost.AddMoney(all[j].call.TotalCost())
			}
			row.rows += uint64(len(all) - before)
		}
		b.ranges = append(b.ranges, row)
	}
	b.groups = groupDays(all, len(b.days()))
	s.decoded = all
	return b
}

func (b *callBatch) days() map[int64]struct{} {
	days := map[int64]struct{}{}
	for minute := range b.minute {
		days[minute/86400] = struct{}{}
	}
	return days
}

func (b *callBatch) add(c *ledger.Call) {
	b.minute[c.Minute] = struct{}{}
	if c.Flags&ledger.FlagCandidate != 0 {
		b.flags++
	}
	if b.oldest == 0 || c.Received < b.oldest {
		b.oldest = c.Received
	}
}

// maxDays is the most distinct days of one insert: ClickHouse refuses more than 100 partitions.
const maxDays = 90

// groupDays cuts calls of too many days into several inserts.
func groupDays(calls []decoded, days int) [][]decoded {
	if len(calls) == 0 {
		return nil
	}
	if days <= maxDays {
		return [][]decoded{calls}
	}
	slices.SortStableFunc(calls, func(a, b decoded) int { return cmp.Compare(a.call.Minute, b.call.Minute) })
	var groups [][]decoded
	start, seen := 0, 1
	for i := 1; i < len(calls); i++ {
		if calls[i].call.Minute/86400 == calls[i-1].call.Minute/86400 {
			continue
		}
		if seen == maxDays {
			groups = append(groups, calls[start:i])
			start, seen = i, 0
		}
		seen++
	}
	return append(groups, calls[start:])
}

func (s *callSink) insertCalls(ctx context.Context, b *callBatch) error {
	for _, group := range b.groups {
		s.calls.reset()
		for i := range group {
			s.calls.append(&group[i].call, group[i].version)
		}
		if err := s.timed(ctx, "call_reports", "ingest/insert_calls", &s.calls.table); err != nil {
			return err
		}
	}
	return nil
}

func (s *callSink) insertCandidates(ctx context.Context, b *callBatch) error {
	if b.flags == 0 {
		return nil
	}
	for _, group := range b.groups {
		s.candidates.reset()
		for i := range group {
			if group[i].call.Flags&ledger.FlagCandidate != 0 {
				s.candidates.append(&group[i].call, group[i].version)
			}
		}
		if err := s.timed(ctx, "settle_candidates", "ingest/insert_candidates", &s.candidates.table); err != nil {
			return err
		}
	}
	return nil
}

func (s *callSink) insertMarks(ctx context.Context, b *callBatch) error {
	s.marks.reset()
	now := s.now().UnixMilli()
	for _, minute := range slices.Sorted(maps.Keys(b.minute)) {
		if err := s.marks.append(minute, now); err != nil {
			return err
		}
	}
	return s.timed(ctx, "dirty_windows", "ingest/insert_marks", &s.marks.table)
}

func (s *callSink) insertRanges(ctx context.Context, b *callBatch) error {
	s.ranges.reset()
	for _, r := range joinRanges(b.ranges) {
		s.ranges.append(ledger.TopicCalls, s.log0.id, r)
	}
	return s.timed(ctx, "ingest_ranges", "ingest/insert_ranges", &s.ranges.table)
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

func (s *callSink) timed(ctx context.Context, name, query string, t *table) error {
	began := s.now()
	err := s.inserter.insert(ctx, query, t)
	if err == nil && t.rows > 0 {
		s.metrics.insert.WithLabelValues(name).Observe(s.now().Sub(began).Seconds())
		s.metrics.rows.WithLabelValues(name).Add(float64(t.rows))
	}
	return err
}

// count brings the metrics up to date after a step.
func (s *callSink) count(b *callBatch, chunks []*chunk) {
	for _, d := range b.dead {
		s.metrics.dead.WithLabelValues(s.stream.name, d.reason).Inc()
		s.log.Error("dead letter", "topic", ledger.TopicCalls, "partition", d.partition, "offset", d.from.offset, "reason", d.reason, "error", d.err)
	}
	if b.oldest != 0 {
		s.metrics.delay.Observe(s.now().Sub(time.Unix(0, b.oldest)).Seconds())
	}
	for _, r := range b.ranges {
		if r.kind == kindGap {
			s.metrics.gaps.WithLabelValues(strconv.Itoa(r.partition)).Add(float64(r.next - r.first))
		}
	}
	for _, c := range chunks {
		if n := min(c.next, s.storedUntil[c.partition]) - c.first; n > 0 {
			s.metrics.replayed.Add(float64(n))
		}
	}
}

// checkpoints writes, now and then, a row that stands for a partition's ranges so far, and removes old ones below it.
// It is housekeeping: a failure is logged, and the next time does it.
func (s *callSink) checkpoints(ctx context.Context, chunks []*chunk) {
	now := s.now()
	for _, c := range chunks {
		if now.Sub(s.checkpoint[c.partition]) < s.stream.cfg.Checkpoint {
			continue
		}
		s.checkpoint[c.partition] = now
		if err := s.writeCheckpoint(ctx, c.partition); err != nil {
			s.log.Warn("no checkpoint this time", "partition", c.partition, "error", err)
		}
	}
}

func (s *callSink) writeCheckpoint(ctx context.Context, partition int) error {
	rows, err := s.ofTopic().read(ctx, partition)
	if err != nil {
		return err
	}
	end, total := chain(rows)
	if end == nil {
		return nil
	}
	total.kind, total.partition, total.reason = kindCheckpoint, partition, "checkpoint"
	s.ranges.reset()
	s.ranges.append(ledger.TopicCalls, s.log0.id, total)
	if err := s.inserter.insert(ctx, "ingest/insert_ranges", &s.ranges.table); err != nil {
		return err
	}
	return s.ofTopic().prune(ctx, partition, total.next)
}
