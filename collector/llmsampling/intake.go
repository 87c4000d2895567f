package llmsampling

import (
	"context"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/metric"
)

// ConsumeTraces takes content off, notes the evidence and holds the spans. It never fails and never waits for a decision;
// when there is no room it decides the oldest batches itself.
func (s *sampler) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	in := s.arrivals.Get().(*arrival)
	b := s.gather(td, in)
	now := s.now()
	b.due = now.Add(s.wait)
	s.mu.Lock()
	late := s.note(in, &b, s.second(now))
	s.mu.Unlock()
	if s.wait > 0 {
		s.pack(&b, in)
	}
	s.mu.Lock()
	s.held = append(s.held, b)
	s.bytes += b.bytes
	s.mu.Unlock()
	for _, c := range []struct {
		metric metric.Int64Counter
		n      int
	}{{s.metrics.CollectorSamplingSpansLate, late}, {s.metrics.CollectorSamplingContentAttributesDropped, in.dropped}, {s.metrics.CollectorSamplingValuesCut, in.shortened}} {
		if c.n > 0 {
			c.metric.Add(ctx, int64(c.n))
		}
	}
	in.reset()
	s.arrivals.Put(in)
	s.settle(ctx, now, int64(s.cfg.MaxHeldMiB)<<20)
	return nil
}

// sighting is a trace within one batch.
type sighting struct {
	evidence
	id     pcommon.TraceID
	tenant string
	pairs  []uint64 // of model and agent, as hashes
	spans  int
	bytes  int64
	likely bool // that it is kept, by what is known
}

// arrival is what a batch holds, its content taken off. One is used again and again.
type arrival struct {
	index  map[pcommon.TraceID]int
	traces []sighting
	alone  int64 // bytes of spans without a trace

	dropped, shortened int // values
}

func (in *arrival) reset() {
	clear(in.index)
	clear(in.traces) // the request's memory isn't held
	*in = arrival{index: in.index, traces: in.traces[:0]}
}

// gather takes off content, cuts long values, and collects the evidence of a batch by trace. It returns what is known of each span.
func (s *sampler) gather(td ptrace.Traces, in *arrival) batch {
	b := batch{td: td, spans: make([]heldSpan, 0, td.SpanCount())}
	last := -1
	for _, rs := range td.ResourceSpans().All() {
		tenant := tenantOf(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				look := s.rules.look(span, s.content, s.cfg.MaxValueBytes)
				of := tenant
				if look.tenant != "" {
					of = look.tenant
				}
				size := s.clean(span, &look, of, in)
				b.bytes += int64(size)
				id := span.TraceID()
				if id.IsEmpty() {
					in.alone += int64(size)
					b.spans = append(b.spans, heldSpan{uint32(size), int32(^len(b.alone)), look.decided})
					b.alone = append(b.alone, s.rules.alone(span, &look))
					continue
				}
				if last < 0 || in.traces[last].id != id {
					last = in.sighting(id, of)
				}
				b.spans = append(b.spans, heldSpan{uint32(size), int32(last), look.decided})
				t := &in.traces[last]
				t.spans++
				t.bytes += int64(size)
				s.rules.observe(&t.evidence, span, &look)
				if pair := s.rules.pair(&look); pair != 0 && len(t.pairs) < newSights && !slices.Contains(t.pairs, pair) {
					t.pairs = append(t.pairs, pair)
				}
			}
		}
	}
	return b
}

// alone is what a span says that has no trace.
func (r *rules) alone(span ptrace.Span, look *glance) alone {
	a := alone{random: ownRandomness(span)}
	r.observe(&a.evidence, span, look)
	return a
}

// clean takes off what isn't to be kept. It returns the span's size, about.
func (s *sampler) clean(span ptrace.Span, look *glance, tenant string, in *arrival) int {
	changed := false
	if look.content && !s.keepsContent(tenant) {
		in.dropped += s.content.strip(span)
		changed = true
	}
	if look.long {
		in.shortened += cut(span, s.cfg.MaxValueBytes)
		changed = true
	}
	if changed || look.odd {
		return s.sizer.SpanSize(span)
	}
	return look.size
}

// sighting of a trace, which belongs to the tenant of its first span.
func (in *arrival) sighting(id pcommon.TraceID, tenant string) int {
	i, ok := in.index[id]
	if !ok {
		i = len(in.traces)
		in.index[id] = i
		in.traces = append(in.traces, sighting{id: id, tenant: tenant})
	}
	return i
}

// note adds a batch's evidence to what is known, and its bytes to what this second asks for. It returns the number of spans whose
// trace was decided before. The lock is held.
func (s *sampler) note(in *arrival, b *batch, now int64) (late int) {
	b.cohort = s.budget.at(now)
	b.cohort.bytes[claimPlain] += in.alone
	current := s.budget.now(b.cohort, now)
	b.traces = make([]*traceState, len(in.traces))
	for i := range b.alone {
		b.alone[i].decide(&s.rules, current) // for now
	}
	for i := range in.traces {
		e := &in.traces[i]
		state, on := s.table.observe(e.id, e, now, current)
		b.traces[i] = state
		s.budget.claim(b.cohort, on, e.bytes, &state.asked)
		if state.decided {
			late += e.spans
		}
	}
	return late
}

// tenantOf reads llmcost's tag.
func tenantOf(attrs pcommon.Map) string {
	if v, ok := attrs.Get(attrTenant); ok {
		return v.AsString()
	}
	return ""
}

func (s *sampler) keepsContent(tenant string) bool {
	if c, ok := s.cfg.ContentByTenant[tenant]; ok {
		return c == KeepContent
	}
	return s.cfg.Content == KeepContent
}
