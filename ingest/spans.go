package ingest

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// spanSink stores sampled payload: at least once, from the committed offset on, without a record of ranges. Copies of a
// span have one identity and collapse.
type spanSink struct {
	stream   *stream
	inserter *inserter
	dead     *deadLetters
	now      func() time.Time
	state    logState
	table    *spanTable
}

// begin starts at the committed offset, or at the log's start where there is none or it is out of the log.
func (s *spanSink) begin(ctx context.Context, committed map[int]int64) (map[int]position, error) {
	state, err := s.stream.brokers.logState(ctx, ledger.TopicSpans)
	if err != nil {
		return nil, err
	}
	s.state = state
	starts := map[int]position{}
	for partition, offset := range committed {
		if offset < state.start[partition] || offset > state.end[partition] {
			offset = state.start[partition]
		}
		starts[partition] = position{next: offset}
	}
	s.stream.lag.begin(starts, state.end)
	return starts, nil
}

// verify only notices a re-created or shortened topic.
func (s *spanSink) verify(ctx context.Context, partition int, at position) error {
	now, err := s.stream.brokers.logState(ctx, ledger.TopicSpans)
	if err != nil {
		return err
	}
	if now.id != s.state.id || now.end[partition] < at.next {
		return errLogChanged
	}
	s.stream.lag.sawEnd(partition, now.end[partition]) // no fetch tells it now
	return nil
}

func (s *spanSink) unreadable(ctx context.Context, partition int, offset int64) (int64, error) {
	return s.stream.setBatchAside(ctx, s.dead, s.state.id, partition, offset)
}

// prepare does nothing yet: spans are best effort.
func (s *spanSink) prepare(chunks []*chunk) func(context.Context) error {
	return func(ctx context.Context) error { return s.write(ctx, chunks) }
}

func (s *spanSink) write(ctx context.Context, chunks []*chunk) error {
	var letters []deadLetter
	s.table.reset()
	days := map[uint32]struct{}{}
	flush := func() error {
		err := s.stream.retry(ctx, "spans", func(ctx context.Context) error {
			began := s.now()
			err := s.inserter.insert(ctx, "ingest/insert_spans", &s.table.table)
			if err == nil && s.table.rows > 0 {
				s.stream.metrics.insert.WithLabelValues("spans").Observe(s.now().Sub(began).Seconds())
				s.stream.metrics.rows.WithLabelValues("spans").Add(float64(s.table.rows))
			}
			return explained(err)
		})
		s.table.reset()
		clear(days)
		return err
	}
	for _, c := range chunks {
		for i := range c.records {
			r := &c.records[i]
			if r.control {
				continue
			}
			rows, err := decodeSpans(r.value, r.at)
			if err != nil {
				letters = append(letters, deadLetter{r, c.partition, r.value, -1, ReasonNotSpans, err})
				continue
			}
			for j := range rows {
				s.table.append(&rows[j])
				days[rows[j].minute/86400] = struct{}{}
				if len(days) >= maxDays {
					if err := flush(); err != nil {
						return err
					}
				}
			}
		}
	}
	if err := s.stream.retry(ctx, "dead letters", func(ctx context.Context) error { return s.dead.send(ctx, s.state.id, letters) }); err != nil {
		return err
	}
	for range letters {
		s.stream.metrics.dead.WithLabelValues("spans", ReasonNotSpans).Inc()
	}
	if len(letters) > 0 {
		s.stream.log.Warn("dead letters", "topic", ledger.TopicSpans, "records", len(letters), "error", letters[0].err)
	}
	return flush()
}

// Attributes that the collector writes on spans (documented there).
const (
	attrTenant      = "tollkeeper.tenant"
	attrKept        = "tollkeeper.sampling.kept"
	attrProbability = "tollkeeper.sampling.probability"
)

// spanRow is one span and what it has in common with its neighbours.
type spanRow struct {
	span        ptrace.Span
	resource    []pair
	service     string
	scope       string
	tenant      string
	kept        string
	probability float64
	minute      uint32
}

// decodeSpans reads OTLP trace data. at is the record's time in Kafka, which stands in for a start that can't be
// believed, as with calls.
func decodeSpans(value []byte, at time.Time) ([]spanRow, error) {
	traces, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(value)
	if err != nil {
		return nil, fmt.Errorf("not OTLP trace data: %w", err)
	}
	var rows []spanRow
	for _, rs := range traces.ResourceSpans().All() {
		attrs := rs.Resource().Attributes()
		row := spanRow{resource: pairs(attrs), service: textOf(attrs, "service.name")}
		for _, ss := range rs.ScopeSpans().All() {
			row.scope = ss.Scope().Name()
			if v := ss.Scope().Version(); v != "" {
				row.scope += "@" + v
			}
			for _, span := range ss.Spans().All() {
				one := row
				one.span = span
				one.tenant = firstText(textOf(span.Attributes(), attrTenant), textOf(attrs, attrTenant), ledger.Unattributed)
				one.kept = firstText(textOf(span.Attributes(), attrKept), textOf(attrs, attrKept))
				one.probability = probability(span.Attributes(), attrs)
				call := ledger.Call{Start: int64(span.StartTimestamp()), Received: at.UnixNano()}
				call.SetMinute()
				one.minute = uint32(max(0, call.Minute))
				rows = append(rows, one)
			}
		}
	}
	return rows, nil
}

func firstText(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// probability is that with which a span was kept; 1 where nothing says otherwise. It is a statistic, not money.
func probability(spans ...attributes) float64 {
	for _, attrs := range spans {
		if text := textOf(attrs, attrProbability); text != "" {
			if p, err := strconv.ParseFloat(text, 64); err == nil && p > 0 && p <= 1 {
				return p
			}
		}
	}
	return 1
}
