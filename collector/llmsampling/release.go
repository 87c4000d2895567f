package llmsampling

import (
	"context"
	"math"
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
		j := s.judge(&b, s.second(s.now()))
		s.mu.Unlock()
		s.leave(ctx, &b, j)
		if b.due.After(now) && limit > 0 {
			s.metrics.CollectorSamplingBatchesHurried.Add(ctx, 1)
			hurry = true
		}
		s.count(ctx, j.tally)
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

// judgement is what was decided of a batch: how many spans are kept and dropped, and of the kept ones what they are, as they were guessed when they came, and what was
// taken of this second's budget for them.
type judgement struct {
	tally       tally
	came, spent int64
	second      int64
}

// judge decides each span. The lock is held.
func (s *sampler) judge(b *batch, now int64) judgement {
	j := judgement{tally: tally{}, second: now}
	var last int32 = math.MinInt32 // of which the verdict is
	var v *verdict
	var run amount // of spans with one outcome, one after the other
	var of outcome
	b.verdicts = make([]verdict, len(b.traces))
	for i := range b.spans {
		held := &b.spans[i]
		if held.trace != last {
			last = held.trace
			v = s.decide(b, held.trace, now)
		}
		size := int64(held.bytes)
		if v.keep {
			j.came += size
			size += markBytes
			s.budget.spend(now, size)
			j.spent += size
		}
		if now := (outcome{v.keep, v.because}); of != now {
			j.tally.add(of, run)
			of, run = now, amount{}
		}
		run.spans++
		run.bytes += size
	}
	j.tally.add(of, run)
	return j
}

// decide decides a trace of a batch, or a span without one.
func (s *sampler) decide(b *batch, trace int32, now int64) *verdict {
	current := s.budget.now(b.cohort, now)
	if trace < 0 {
		a := &b.alone[^trace]
		a.decide(&s.rules, current)
		return &a.verdict
	}
	s.table.decide(b.traces[trace], now, current)
	b.verdicts[trace] = b.traces[trace].verdict
	return &b.verdicts[trace]
}

// leave puts those of a batch's spans that are kept with what is ready, each with its verdict.
func (s *sampler) leave(ctx context.Context, b *batch, j judgement) {
	defer s.rooms.giveBack(b.packed.otlp)
	kept := j.tally.kept()
	if kept == 0 {
		return
	}
	if err := b.keep(); err != nil { // of what was packed here
		s.refused(ctx, kept, j.spent, err)
		return
	}
	went := j.spent
	if s.cfg.BudgetKiB > 0 {
		went = int64(s.sizer.TracesSize(b.td)) // exactly, for what is kept
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budget.correct(j.second, went-j.spent)
	s.budget.handed(j.came, went)
	b.td.ResourceSpans().MoveAndAppendTo(s.ready.td.ResourceSpans())
	s.ready.spans += kept
	s.ready.bytes += went
}

// keep leaves the spans that are kept in td, marked, and no scope or resource without one.
func (b *batch) keep() error {
	var verdicts marks
	spans, otlp, scope := b.spans, b.packed.otlp, 0
	for ss := range scopes(b.td) {
		n := ss.Spans().Len()
		held, next := spans[:n], 0
		spans = spans[n:]
		ss.Spans().RemoveIf(func(span ptrace.Span) bool {
			v := b.verdict(&held[next])
			if v.keep {
				verdicts.put(span, v, held[next].marked)
			}
			next++
			return !v.keep
		})
		if len(b.packed.scopes) == 0 {
			continue
		}
		held = spans[:b.packed.scopes[scope]]
		spans = spans[len(held):]
		scope++
		back, rest, err := b.unpack(otlp, held)
		if err != nil {
			return err
		}
		otlp, next = rest, 0
		for i := range held {
			if v := b.verdict(&held[i]); v.keep {
				verdicts.put(back.At(next), v, held[i].marked)
				next++
			}
		}
		back.MoveAndAppendTo(ss.Spans())
	}
	b.td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool { return ss.Spans().Len() == 0 })
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
		spans.Add(ctx, n.spans, whys[o.because])
		bytes.Add(ctx, n.bytes, whys[o.because])
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
