package llmsampling

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
)

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
		tally := s.decide(&b, s.now().Unix())
		s.mu.Unlock()
		if b.due.After(now) && limit > 0 {
			s.metrics.CollectorSamplingBatchesHurried.Add(ctx, 1)
		}
		s.handOn(ctx, b.td, tally)
	}
}

// tally counts spans and bytes by reason, "" for dropped.
type tally map[string]amount

type amount struct{ spans, bytes int64 }

func (t tally) add(reason string, a amount) {
	if a.spans > 0 {
		b := t[reason]
		t[reason] = amount{a.spans + b.spans, a.bytes + b.bytes}
	}
}

// decide removes the spans of dropped traces and marks the others. The lock is held.
func (s *sampler) decide(b *batch, now int64) tally {
	out := tally{}
	var lastID pcommon.TraceID
	var last verdict
	i, came, spent := 0, int64(0), int64(0)
	var run amount // of spans with one reason, one after the other
	var reason string
	b.td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			ss.Spans().RemoveIf(func(span ptrace.Span) bool {
				size := int64(b.spans[i])
				switch id := span.TraceID(); {
				case id.IsEmpty():
					lastID, last = id, s.decideAlone(span, s.budget.now(b.cohort, now))
				case id != lastID || i == 0:
					lastID, last = id, s.table.verdict(id, now, s.budget.now(b.cohort, now))
				}
				i++
				if last.keep {
					came += size
					mark(span, last)
					size += markBytes
					s.budget.spend(now, size)
					spent += size
				}
				if reason != last.kept {
					out.add(reason, run)
					reason, run = last.kept, amount{}
				}
				run.spans++
				run.bytes += size
				return !last.keep
			})
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
	out.add(reason, run)
	went := int64(0)
	if b.td.ResourceSpans().Len() > 0 {
		went = int64(s.sizer.TracesSize(b.td)) // exactly, for what is kept
	}
	s.budget.spend(now, went-spent)
	s.budget.handed(came, went)
	return out
}

func (s *sampler) decideAlone(span ptrace.Span, current shares) verdict {
	var e evidence
	look := s.rules.look(span, s.content, s.cfg.MaxValueBytes)
	s.rules.observe(&e, span, &look)
	return e.decide(s.rules.weigh(&e, nil, 0), false, ownRandomness(span), current)
}

// mark writes the verdict on a kept span.
func mark(span ptrace.Span, v verdict) {
	span.Attributes().EnsureCapacity(span.Attributes().Len() + 2) // not twice as many, as growing does
	span.Attributes().PutStr(AttrKept, v.kept)
	span.Attributes().PutDouble(AttrProbability, v.probability)
	if v.threshold > 0 {
		span.TraceState().FromRaw(withThreshold(span.TraceState().AsRaw(), v.threshold))
	}
}

func (s *sampler) handOn(ctx context.Context, td ptrace.Traces, t tally) {
	kept := int64(0)
	for reason, n := range t {
		if reason == "" {
			s.metrics.CollectorSamplingSpansDropped.Add(ctx, n.spans)
			s.metrics.CollectorSamplingBytesDropped.Add(ctx, n.bytes)
			continue
		}
		kept += n.spans
		s.metrics.CollectorSamplingSpansKept.Add(ctx, n.spans, why(reason))
		s.metrics.CollectorSamplingBytesKept.Add(ctx, n.bytes, why(reason))
	}
	if kept == 0 {
		return
	}
	if err := s.next.ConsumeTraces(context.WithoutCancel(ctx), td); err != nil {
		s.metrics.CollectorSamplingSpansRefused.Add(ctx, kept)
		s.log.Warn("sampled spans discarded; money is not affected", zap.Int64("spans", kept), zap.Error(err))
	}
}
