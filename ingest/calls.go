package ingest

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// callSink stores calls (DESIGN D3).
type callSink struct {
	stream   *stream
	conn     driver.Conn
	inserter *inserter
	dead     *deadLetters
	heart    *heartbeat
	log      *slog.Logger
	metrics  *metrics
	now      func() time.Time

	// Of the present generation; begin sets them, and nothing else runs while it does.
	state       logState
	storedUntil map[int]int64 // what was stored before the generation, for counting replays
	checkpoint  map[int]time.Time

	columns [2]*columns // of the batch that is stored and of the next one, in turn
	turn    int
	marks   *markTable
	ranges  *rangeTable
}

// prepare decodes the chunks. What it returns is one step of DESIGN D3 without the commit: every part is tried until it
// succeeds or ctx ends; whatever was stored before ctx ended is stored again later and changes nothing.
func (s *callSink) prepare(chunks []*chunk) func(context.Context) error {
	s.turn = 1 - s.turn
	b := prepareCalls(s.state.id, momentsAt(s.now(), s.stream.cfg.Kept), chunks, s.columns[s.turn])
	return func(ctx context.Context) error { return s.write(ctx, b) }
}

func (s *callSink) write(ctx context.Context, b *callBatch) error {
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"dead letters", func(ctx context.Context) error { return s.dead.send(ctx, b.id, b.dead) }},
		{"calls", func(ctx context.Context) error { return s.insertCalls(ctx, b) }},
		{"refused calls", func(ctx context.Context) error { return s.dead.send(ctx, b.id, b.late) }},
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
	s.count(b)
	s.checkpoints(ctx, b.chunks)
	return nil
}

// insertCalls goes on where the last attempt failed.
func (s *callSink) insertCalls(ctx context.Context, b *callBatch) error {
	if !b.divided && !b.stored {
		err := s.timed(ctx, "call_reports", "ingest/insert_calls", &b.calls.table)
		if err == nil {
			b.stored = true
			return nil
		}
		if !refusalOf(err).divides() {
			return err
		}
		b.divideInto([][]decoded{b.again()})
		if !b.divide(err) {
			return err
		}
	}
	for ; b.done < len(b.groups); b.done++ {
		b.calls.reset()
		for i := range b.groups[b.done] {
			b.calls.append(&b.groups[b.done][i].call, b.groups[b.done][i].version)
		}
		err := s.timed(ctx, "call_reports", "ingest/insert_calls", &b.calls.table)
		switch {
		case err == nil:
		case b.divide(err):
			b.done-- // the same again, divided
		default:
			return err
		}
	}
	return nil
}

func (s *callSink) insertCandidates(ctx context.Context, b *callBatch) error {
	groups := b.groups
	if !b.divided {
		groups = [][]decoded{nil}
	}
	for _, group := range groups {
		if b.divided {
			b.candidates.reset()
			for i := range group {
				if group[i].call.Flags&ledger.FlagCandidate != 0 {
					b.candidates.append(&group[i].call, group[i].version)
				}
			}
		}
		if err := s.timed(ctx, "settle_candidates", "ingest/insert_candidates", &b.candidates.table); err != nil {
			return err
		}
	}
	return nil
}

func (s *callSink) insertMarks(ctx context.Context, b *callBatch) error {
	s.marks.reset()
	for _, minute := range slices.Sorted(maps.Keys(b.minutes)) {
		if err := s.marks.append(minute); err != nil {
			return err
		}
	}
	return s.timed(ctx, "dirty_windows", "ingest/insert_marks", &s.marks.table)
}

func (s *callSink) insertRanges(ctx context.Context, b *callBatch) error {
	s.ranges.reset()
	for _, r := range joinRanges(b.ranges) {
		s.ranges.append(ledger.TopicCalls, b.id, r)
	}
	return s.timed(ctx, "ingest_ranges", "ingest/insert_ranges", &s.ranges.table)
}

func (s *callSink) timed(ctx context.Context, name, query string, t *table) error {
	began := s.now()
	err := s.inserter.insert(ctx, query, t)
	if err == nil && t.rows > 0 {
		s.metrics.insert.WithLabelValues(name).Observe(s.now().Sub(began).Seconds())
		s.metrics.rows.WithLabelValues(name).Add(float64(t.rows))
	}
	return explained(err)
}

// maxLogged is the most dead letters of one step that get a line each.
const maxLogged = 5

// count brings the metrics up to date after a step.
func (s *callSink) count(b *callBatch) {
	letters := append(b.dead[:len(b.dead):len(b.dead)], b.late...)
	for i, d := range letters {
		s.metrics.dead.WithLabelValues(s.stream.name, d.reason).Inc()
		if i < maxLogged {
			s.log.Error("dead letter", "topic", ledger.TopicCalls, "partition", d.partition, "offset", d.from.offset, "reason", d.reason, "error", d.err)
		}
	}
	if more := len(letters) - maxLogged; more > 0 {
		s.log.Error("more dead letters", "topic", ledger.TopicCalls, "count", more)
	}
	if b.oldest != 0 {
		s.metrics.delay.Observe(s.now().Sub(time.Unix(0, b.oldest)).Seconds())
	}
	for _, r := range b.ranges {
		if r.kind == kindGap {
			s.metrics.gaps.WithLabelValues(strconv.Itoa(r.partition)).Add(float64(r.next - r.first))
		}
	}
	for _, c := range b.chunks {
		if n := min(c.next, s.storedUntil[c.partition]) - c.first; n > 0 {
			s.metrics.replayed.Add(float64(n))
		}
	}
}
