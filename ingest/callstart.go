package ingest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/cespare/xxhash/v2"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

func (s *callSink) ofTopic() ranges {
	return ranges{conn: s.conn, topic: ledger.TopicCalls, id: s.state.id}
}

// begin applies the start rule to every partition and writes down new epochs and gaps.
func (s *callSink) begin(ctx context.Context, committed map[int]int64) (map[int]position, error) {
	state, err := s.stream.brokers.logState(ctx, ledger.TopicCalls)
	if err != nil {
		return nil, err
	}
	s.state, s.storedUntil, s.checkpoint = state, map[int]int64{}, map[int]time.Time{}
	starts := map[int]position{}
	s.ranges.reset()
	var alarms []func()
	loss := false
	for partition, offset := range committed {
		facts, rows, err := s.facts(ctx, partition, offset)
		if err != nil {
			return nil, err
		}
		d := decideStart(facts)
		alarms = append(alarms, s.note(partition, facts, d))
		loss = loss || d.alarm
		starts[partition] = position{next: d.offset}
		s.storedUntil[partition] = d.offset
		if facts.stored != nil && d.newEpoch == "" {
			s.storedUntil[partition] = max(d.offset, facts.stored.next)
			if d.offset == facts.stored.next {
				starts[partition] = position{next: d.offset, hash: facts.stored.hash}
			}
		}
		if rows <= manyRanges {
			s.checkpoint[partition] = s.now()
		}
	}
	if loss {
		if err := s.markUnproved(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.inserter.insert(ctx, "ingest/insert_ranges", &s.ranges.table); err != nil {
		return nil, err
	}
	for _, alarm := range alarms {
		alarm()
	}
	s.heart.begin(ctx, starts, len(state.end))
	s.stream.lag.begin(starts, state.end)
	return starts, nil
}

// markUnproved marks the windows of what may have been stored since the ranges were last written: a process that died
// between calls and marks leaves that to the replay, and where records are gone there is none (model_test.go).
func (s *callSink) markUnproved(ctx context.Context) error {
	if err := s.conn.Exec(ctx, schema.SQL("ingest/mark_unproved"), clickhouse.Named("topic", ledger.TopicCalls)); err != nil {
		return fmt.Errorf("mark what may be stored without a mark: %w", err)
	}
	return nil
}

// manyRanges above a partition's base make the next step write a checkpoint: a member that never lives for
// Config.Checkpoint would read more of them at each start.
const manyRanges = 20_000

// facts gathers what the start rule needs, and counts the rows it read.
func (s *callSink) facts(ctx context.Context, partition int, committed int64) (f startFacts, count int, err error) {
	f = startFacts{logStart: s.state.start[partition], logEnd: s.state.end[partition], committed: max(-1, committed)}
	rows, err := s.ofTopic().read(ctx, partition)
	if err != nil {
		return f, 0, err
	}
	f.stored, _ = chain(rows)
	if f.stored == nil {
		f.otherTopicID, err = s.ofTopic().otherTopicID(ctx, partition)
		return f, len(rows), err
	}
	if f.stored.hash == 0 || f.stored.next <= f.logStart || f.stored.next > f.logEnd {
		return f, len(rows), nil
	}
	f.tailHash, f.tailRead, err = s.tail(ctx, partition, f.stored.next-1)
	return f, len(rows), err
}

// tail hashes the record at an offset. ok is false if the log has none there, or none that can be read.
func (s *callSink) tail(ctx context.Context, partition int, offset int64) (hash uint64, ok bool, err error) {
	b := s.stream.brokers
	for empty := 0; empty < 3; empty++ {
		got, err := b.fetch(ctx, ledger.TopicCalls, partition, offset, 1) // one record batch
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
	return 0, false, nil // a batch without records
}

// note adds the rows that a decision asks for, and returns the alarm to raise once they are stored.
func (s *callSink) note(partition int, f startFacts, d startDecision) (alarm func()) {
	label := strconv.Itoa(partition)
	log := s.log.With("topic", ledger.TopicCalls, "partition", partition)
	if d.newEpoch != "" {
		s.ranges.append(ledger.TopicCalls, s.state.id, rangeRow{partition: partition, kind: kindEpoch, first: d.offset, next: d.offset, reason: d.newEpoch})
	}
	if d.gapFrom >= 0 {
		s.ranges.append(ledger.TopicCalls, s.state.id, gapRow(partition, d.gapFrom, d.offset, "gone before they were stored"))
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
	case now.id != s.state.id:
		return fmt.Errorf("%w: the topic was re-created", errLogChanged)
	case now.end[partition] < at.next:
		return fmt.Errorf("%w: it ends at %d, read up to %d", errLogChanged, now.end[partition], at.next)
	}
	s.stream.lag.sawEnd(partition, now.end[partition]) // no fetch tells it now
	if at.hash == 0 || at.next <= now.start[partition] {
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
	return s.stream.setBatchAside(ctx, s.dead, s.state.id, partition, offset)
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
	s.ranges.append(ledger.TopicCalls, s.state.id, total)
	if err := s.inserter.insert(ctx, "ingest/insert_ranges", &s.ranges.table); err != nil {
		return err
	}
	return s.ofTopic().prune(ctx, partition, total.next)
}
