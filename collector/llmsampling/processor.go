package llmsampling

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// traceOverhead is what an undecided trace costs in the table, in bytes, beside its spans.
const traceOverhead = 256

// batch is held until due.
type batch struct {
	td    ptrace.Traces
	due   time.Time
	bytes int64
}

type sampler struct {
	cfg     Config
	next    consumer.Traces
	log     *zap.Logger
	now     func() time.Time
	metrics metrics
	rules   rules
	content *contentMatcher
	sizer   ptrace.ProtoMarshaler

	mu    sync.Mutex // guards the rest
	table *traceTable
	held  []batch // oldest first
	bytes int64   // of held

	stop context.CancelFunc
	done chan struct{}
}

func newSampler(cfg Config, set processor.Settings, next consumer.Traces, now func() time.Time) (*sampler, error) {
	s := &sampler{cfg: cfg, next: next, log: set.Logger, now: now, content: newContentMatcher()}
	var err error
	if s.rules, err = newRules(cfg); err != nil {
		return nil, fmt.Errorf("llmsampling: min_cost: %w", err)
	}
	s.table = newTraceTable(&s.rules, cfg.MaxDecisions)
	if s.metrics, err = newMetrics(set.MeterProvider, s.heldBytes); err != nil {
		return nil, fmt.Errorf("llmsampling: metrics: %w", err)
	}
	return s, nil
}

// Capabilities says that spans are changed and removed.
func (*sampler) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

// Start begins to decide what is due.
func (s *sampler) Start(context.Context, component.Host) error {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.done = cancel, make(chan struct{})
	go s.loop(ctx)
	return nil
}

func (s *sampler) loop(ctx context.Context) {
	defer close(s.done)
	ticker := time.NewTicker(max(10*time.Millisecond, min(s.cfg.DecisionWait/8, 250*time.Millisecond)))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.release(ctx, s.now(), int64(s.cfg.MaxHeldMiB)<<20)
		}
	}
}

// Shutdown decides all that is held.
func (s *sampler) Shutdown(ctx context.Context) error {
	if s.stop != nil {
		s.stop()
		<-s.done
	}
	s.release(ctx, s.now(), 0)
	return nil
}

// ConsumeTraces takes content off, notes the evidence and holds the spans. It never fails and never waits for a decision;
// when there is no room it decides the oldest batches itself.
func (s *sampler) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	seen := s.gather(td)
	late := s.note(seen)
	s.clean(ctx, td)
	if late > 0 {
		s.metrics.late.Add(ctx, int64(late))
	}
	b := batch{td: td, due: s.now().Add(s.cfg.DecisionWait), bytes: int64(s.sizer.TracesSize(td) + traceOverhead*len(seen))}
	s.mu.Lock()
	s.held = append(s.held, b)
	s.bytes += b.bytes
	s.mu.Unlock()
	s.release(ctx, s.now(), int64(s.cfg.MaxHeldMiB)<<20)
	return nil
}

// sighting is a trace within one batch.
type sighting struct {
	evidence
	spans int
}

// gather collects the evidence of a batch by trace.
func (s *sampler) gather(td ptrace.Traces) map[pcommon.TraceID]*sighting {
	seen := map[pcommon.TraceID]*sighting{}
	var last *sighting
	var lastID pcommon.TraceID
	for span := range spans(td) {
		id := span.TraceID()
		if id.IsEmpty() {
			continue // each such span is decided alone, when it is released
		}
		if last == nil || id != lastID {
			var ok bool
			if last, ok = seen[id]; !ok {
				last = &sighting{}
				seen[id] = last
			}
			lastID = id
		}
		last.spans++
		s.rules.observe(&last.evidence, span)
	}
	return seen
}

// note adds a batch's evidence to what is known. It returns the number of spans whose trace was decided before.
func (s *sampler) note(seen map[pcommon.TraceID]*sighting) (late int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range seen {
		if s.table.observe(id, &e.evidence).decided {
			late += e.spans
		}
	}
	return late
}

// clean takes off content and cuts long values.
func (s *sampler) clean(ctx context.Context, td ptrace.Traces) {
	dropped, shortened := 0, 0
	for _, rs := range td.ResourceSpans().All() {
		tenant := tenantOf(rs.Resource().Attributes(), "")
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if !s.keepsContent(tenantOf(span.Attributes(), tenant)) {
					dropped += s.content.strip(span)
				}
				shortened += cut(span, s.cfg.MaxValueBytes)
			}
		}
	}
	if dropped > 0 {
		s.metrics.content.Add(ctx, int64(dropped))
	}
	if shortened > 0 {
		s.metrics.cut.Add(ctx, int64(shortened))
	}
}

// tenantOf reads llmcost's tag.
func tenantOf(attrs pcommon.Map, otherwise string) string {
	if v, ok := attrs.Get(attrTenant); ok {
		return v.AsString()
	}
	return otherwise
}

func (s *sampler) keepsContent(tenant string) bool {
	if c, ok := s.cfg.ContentByTenant[tenant]; ok {
		return c == KeepContent
	}
	return s.cfg.Content == KeepContent
}

// release decides and hands on what is due at now, and the oldest beyond limit bytes. What the next consumer refuses is
// counted: its clients have their answer.
func (s *sampler) release(ctx context.Context, now time.Time, limit int64) {
	for {
		s.mu.Lock()
		if len(s.held) == 0 || (s.held[0].due.After(now) && s.bytes <= limit) {
			s.mu.Unlock()
			return
		}
		b := s.held[0]
		s.held[0] = batch{}
		s.held = s.held[1:]
		s.bytes -= b.bytes
		tally := s.decide(b.td)
		s.mu.Unlock()
		if b.due.After(now) && limit > 0 {
			s.metrics.hurried.Add(ctx, 1)
		}
		s.handOn(ctx, b.td, tally)
	}
}

// decide removes the spans of dropped traces and marks the others. It counts spans by reason, "" for dropped.
func (s *sampler) decide(td ptrace.Traces) map[string]int {
	tally := map[string]int{}
	var lastID pcommon.TraceID
	var last verdict
	td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			ss.Spans().RemoveIf(func(span ptrace.Span) bool {
				switch id := span.TraceID(); {
				case id.IsEmpty():
					lastID, last = id, s.decideAlone(span)
				case id != lastID:
					lastID, last = id, s.table.verdict(id)
				}
				tally[last.kept]++
				if last.keep {
					mark(span, last)
				}
				return !last.keep
			})
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
	return tally
}

func (s *sampler) decideAlone(span ptrace.Span) verdict {
	var e evidence
	s.rules.observe(&e, span)
	return s.rules.decide(&e, ownRandomness(span))
}

// mark writes the verdict on a kept span.
func mark(span ptrace.Span, v verdict) {
	span.Attributes().EnsureCapacity(span.Attributes().Len() + 2) // not twice as many, as growing does
	span.Attributes().PutStr(AttrKept, v.kept)
	span.Attributes().PutDouble(AttrProbability, v.probability)
	if v.kept == keptRandom && v.threshold > 0 {
		span.TraceState().FromRaw(withThreshold(span.TraceState().AsRaw(), v.threshold))
	}
}

func (s *sampler) handOn(ctx context.Context, td ptrace.Traces, tally map[string]int) {
	kept := 0
	for reason, n := range tally {
		if reason == "" {
			s.metrics.dropped.Add(ctx, int64(n))
			continue
		}
		kept += n
		s.metrics.kept.Add(ctx, int64(n), why(reason))
	}
	if kept == 0 {
		return
	}
	if err := s.next.ConsumeTraces(context.WithoutCancel(ctx), td); err != nil {
		s.metrics.refused.Add(ctx, int64(kept))
		s.log.Warn("sampled spans discarded; money is not affected", zap.Int("spans", kept), zap.Error(err))
	}
}

func (s *sampler) heldBytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

func gauge(value func() int64) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(value())
		return nil
	}
}

// spans yields every span of td.
func spans(td ptrace.Traces) func(func(ptrace.Span) bool) {
	return func(yield func(ptrace.Span) bool) {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					if !yield(span) {
						return
					}
				}
			}
		}
	}
}
