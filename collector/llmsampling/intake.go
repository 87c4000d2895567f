package llmsampling

import (
	"context"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// ConsumeTraces takes content off, notes the evidence and holds the spans. It never fails and never waits for a decision;
// when there is no room it decides the oldest batches itself.
func (s *sampler) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	in := s.gather(ctx, td)
	now := s.now()
	b := batch{td: td, due: now.Add(s.cfg.DecisionWait), bytes: in.bytes + int64(len(in.spans)*4+traceOverhead*len(in.traces)), spans: in.spans}
	s.mu.Lock()
	late := s.note(&in, &b, now.Unix())
	s.held = append(s.held, b)
	s.bytes += b.bytes
	s.mu.Unlock()
	if late > 0 {
		s.metrics.late.Add(ctx, int64(late))
	}
	s.release(ctx, now, int64(s.cfg.MaxHeldMiB)<<20)
	return nil
}

// sighting is a trace within one batch.
type sighting struct {
	evidence
	tenant string
	pairs  []uint64 // of model and agent, as hashes
	spans  int
	bytes  int64
}

// arrival is what a batch holds, its content taken off.
type arrival struct {
	traces map[pcommon.TraceID]*sighting
	spans  []uint32 // the size of each span
	bytes  int64
	alone  int64 // bytes of spans without a trace
}

// gather takes off content, cuts long values, and collects the evidence of a batch by trace.
func (s *sampler) gather(ctx context.Context, td ptrace.Traces) arrival {
	in := arrival{traces: map[pcommon.TraceID]*sighting{}, spans: make([]uint32, 0, td.SpanCount())}
	dropped, shortened := 0, 0
	var last *sighting
	var lastID pcommon.TraceID
	for _, rs := range td.ResourceSpans().All() {
		tenant := tenantOf(rs.Resource().Attributes(), "")
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				of := tenantOf(span.Attributes(), tenant)
				if !s.keepsContent(of) {
					dropped += s.content.strip(span)
				}
				shortened += cut(span, s.cfg.MaxValueBytes)
				size := s.sizer.SpanSize(span)
				in.spans = append(in.spans, uint32(size))
				in.bytes += int64(size)
				id := span.TraceID()
				if id.IsEmpty() {
					in.alone += int64(size)
					continue // each such span is decided alone, when it is released
				}
				if last == nil || id != lastID {
					lastID = id
					last = in.sighting(id, of)
				}
				last.spans++
				last.bytes += int64(size)
				if pair := s.rules.observe(&last.evidence, span); pair != 0 && !slices.Contains(last.pairs, pair) && len(last.pairs) < newSights {
					last.pairs = append(last.pairs, pair)
				}
			}
		}
	}
	if dropped > 0 {
		s.metrics.content.Add(ctx, int64(dropped))
	}
	if shortened > 0 {
		s.metrics.cut.Add(ctx, int64(shortened))
	}
	return in
}

// sighting of a trace, which belongs to the tenant of its first span.
func (in *arrival) sighting(id pcommon.TraceID, tenant string) *sighting {
	t, ok := in.traces[id]
	if !ok {
		t = &sighting{tenant: tenant}
		in.traces[id] = t
	}
	return t
}

// note adds a batch's evidence to what is known, and its bytes to what this second asks for. It returns the number of spans whose
// trace was decided before. The lock is held.
func (s *sampler) note(in *arrival, b *batch, now int64) (late int) {
	b.cohort = s.budget.at(now)
	b.cohort.bytes[claimPlain] += in.alone
	current := s.budget.now(b.cohort, now)
	for id, e := range in.traces {
		state, on := s.table.observe(id, e, now, current)
		b.cohort.bytes[on] += e.bytes
		if state.decided {
			late += e.spans
		}
	}
	return late
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
