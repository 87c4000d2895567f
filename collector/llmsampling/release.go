package llmsampling

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/tollkeeper/tollkeeper/collector/genai/inplace"
)

// handOnBytes is from when on kept spans are handed on without waiting for the next tick. The exporter's batcher measures its whole
// batch again for every request that is added to it (exporterhelper 0.155, partitionBatcher), so that many small ones cost it more
// than all the rest; one of its min_size it passes on as it is.
const handOnBytes = 400_000

// handOnAt is as much as it is counted: without a budget nobody measures what is kept, and it is guessed up to a twentieth too large.
func (s *sampler) handOnAt() int64 {
	if s.cfg.BudgetKiB > 0 {
		return handOnBytes
	}
	return handOnBytes + handOnBytes/10
}

// ready is what was decided and is not yet handed on.
type ready struct {
	td    ptrace.Traces
	spans int64
	bytes int64
}

// release decides what is due at now, and the oldest beyond limit bytes, and hands on all that was decided to be kept.
func (s *sampler) release(ctx context.Context, now time.Time, limit int64) {
	s.settle(ctx, now, limit)
	s.handOn(ctx, 1)
}

// settle decides as release does, and hands on what is kept only once there is enough of it, or if it is to be in a hurry.
func (s *sampler) settle(ctx context.Context, now time.Time, limit int64) {
	hurry := s.cfg.DecisionWait == 0
	for {
		s.mu.Lock()
		if len(s.held) == 0 || (s.held[0].due.After(now) && s.bytes <= limit) {
			s.mu.Unlock()
			break
		}
		b := s.held[0]
		s.held[0] = batch{}
		s.held = s.held[1:]
		s.bytes -= b.bytes
		tally := s.decide(ctx, &b, s.second(s.now()))
		s.mu.Unlock()
		if b.due.After(now) && limit > 0 {
			s.metrics.CollectorSamplingBatchesHurried.Add(ctx, 1)
			hurry = true
		}
		s.count(ctx, tally)
		s.handOn(ctx, s.handOnAt())
	}
	if hurry {
		s.handOn(ctx, 1)
	}
}

// tally counts spans and bytes by what became of them.
type tally map[outcome]amount

// outcome is whether spans were kept, and for what reason they were or weren't.
type outcome struct {
	keep    bool
	because string
}

type amount struct{ spans, bytes int64 }

// kept is how many spans are kept.
func (t tally) kept() (spans int64) {
	for o, n := range t {
		if o.keep {
			spans += n.spans
		}
	}
	return spans
}

func (t tally) add(o outcome, a amount) {
	if a.spans > 0 {
		b := t[o]
		t[o] = amount{a.spans + b.spans, a.bytes + b.bytes}
	}
}

// decide decides the spans of a batch, and puts those that are kept with what is ready. It returns how many of each. The lock is held.
func (s *sampler) decide(ctx context.Context, b *batch, now int64) tally {
	defer s.rooms.giveBack(b.packed.otlp)
	out, came, spent := s.judge(b, now)
	kept := out.kept()
	if kept == 0 {
		return out
	}
	if err := b.leave(); err != nil { // of what was packed here
		s.refused(ctx, kept, spent, err)
		return out
	}
	went := spent
	if s.cfg.BudgetKiB > 0 {
		went = int64(s.sizer.TracesSize(b.td)) // exactly, for what is kept
	}
	s.budget.spend(now, went-spent)
	s.budget.handed(came, went)
	b.td.ResourceSpans().MoveAndAppendTo(s.ready.td.ResourceSpans())
	s.ready.spans += kept
	s.ready.bytes += went
	return out
}

// judge decides each span. It returns how many are kept and dropped, and of the kept ones what they are and what was taken of the budget for them.
func (s *sampler) judge(b *batch, now int64) (out tally, came, spent int64) {
	out = tally{}
	var last *verdict
	var run amount // of spans with one outcome, one after the other
	var of outcome
	for i := range b.spans {
		held := &b.spans[i]
		if v := b.verdict(held); v != last {
			last = v
			if current := s.budget.now(b.cohort, now); held.trace >= 0 {
				s.table.decide(b.traces[held.trace], now, current)
			} else {
				b.alone[^held.trace].decide(&s.rules, current)
			}
		}
		size := int64(held.bytes)
		if last.keep {
			came += size
			size += markBytes
			s.budget.spend(now, size)
			spent += size
		}
		if now := (outcome{last.keep, last.because}); of != now {
			out.add(of, run)
			of, run = now, amount{}
		}
		run.spans++
		run.bytes += size
	}
	out.add(of, run)
	return out, came, spent
}

// leave leaves the spans that are kept in td, each with its verdict.
func (b *batch) leave() error {
	if b.packed.otlp != nil {
		if err := b.unpack(); err != nil {
			return err
		}
	}
	var verdicts marks
	i := 0
	b.td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			ss.Spans().RemoveIf(func(span ptrace.Span) bool {
				held := &b.spans[i]
				i++
				v := b.verdict(held)
				if v.keep {
					verdicts.put(span, v, held.marked)
				}
				return !v.keep
			})
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
	return nil
}

// marks has the verdicts of a batch's kept spans, some in one piece of memory.
type marks []struct {
	because     string
	probability float64
}

// put writes the verdict on a kept span, which may have another sampler's.
func (m *marks) put(span ptrace.Span, v *verdict, again bool) {
	if again {
		span.Attributes().PutStr(AttrKept, v.because)
		span.Attributes().PutDouble(AttrProbability, v.probability)
	} else {
		if len(*m) == cap(*m) {
			*m = make(marks, 0, min(max(2*cap(*m), 1), 32))
		}
		*m = (*m)[:len(*m)+1]
		mark := &(*m)[len(*m)-1]
		mark.because, mark.probability = v.because, v.probability
		inplace.AppendAt(span.Attributes(), AttrKept, &mark.because, AttrProbability, &mark.probability)
	}
	if v.threshold > 0 {
		span.TraceState().FromRaw(withThreshold(span.TraceState().AsRaw(), v.threshold))
	}
}

// count counts what was decided.
func (s *sampler) count(ctx context.Context, t tally) {
	for o, n := range t {
		spans, bytes := s.metrics.CollectorSamplingSpansDropped, s.metrics.CollectorSamplingBytesDropped
		if o.keep {
			spans, bytes = s.metrics.CollectorSamplingSpansKept, s.metrics.CollectorSamplingBytesKept
		}
		spans.Add(ctx, n.spans, why(o.because))
		bytes.Add(ctx, n.bytes, why(o.because))
	}
}

// handOn hands on what is ready, if it has this many bytes. What the next consumer refuses is counted: its clients have their answer.
func (s *sampler) handOn(ctx context.Context, least int64) {
	s.mu.Lock()
	out := s.ready
	if out.bytes < least {
		s.mu.Unlock()
		return
	}
	s.ready = ready{td: ptrace.NewTraces()}
	s.mu.Unlock()
	if err := s.next.ConsumeTraces(context.WithoutCancel(ctx), out.td); err != nil {
		s.refused(ctx, out.spans, out.bytes, err)
	}
}

// refused counts what was to be kept and can't be.
func (s *sampler) refused(ctx context.Context, spans, bytes int64, err error) {
	s.metrics.CollectorSamplingSpansRefused.Add(ctx, spans)
	s.metrics.CollectorSamplingBytesRefused.Add(ctx, bytes)
	s.log.Warn("sampled spans discarded; money is not affected", zap.Int64("spans", spans), zap.Error(err))
}
