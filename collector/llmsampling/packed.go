package llmsampling

import (
	"fmt"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tollkeeper/tollkeeper/collector/genai/inplace"
)

// packed are those spans of a batch that would be dropped, by what was known when they came, while they wait as OTLP protobuf: in less than half of
// the memory, one piece in which the collector of garbage has nothing to look for (ADR 57). Those that are kept after all are read back.
type packed struct {
	otlp   []byte // one span after the other, as they lie within a ScopeSpans message
	scopes []int  // how many each scope of the batch has, one resource after the other
}

// scopeOverhead is what a scope or a resource takes in memory beside its texts, in bytes.
const scopeOverhead = 300

// pack has the batch wait: what is likely to be kept as it is, each span in as little room as it needs, and the rest packed.
func (s *sampler) pack(b *batch, in *arrival) {
	rest := 0
	for i := range b.spans {
		if !b.likely(&b.spans[i], in) {
			rest += int(b.spans[i].bytes)
		}
	}
	otlp := s.rooms.take(rest + rest/16)
	came, i := b.spans, 0
	b.spans, b.bytes = make([]heldSpan, 0, len(came)), int64(len(b.alone)*aloneSize+traceOverhead*len(in.traces))
	var behind []heldSpan // the packed ones of a scope, which come after the others
	for ss := range scopes(b.td) {
		behind = behind[:0]
		ss.Spans().RemoveIf(func(span ptrace.Span) bool {
			held := came[i]
			i++
			if !b.likely(&held, in) {
				var ok bool
				if otlp, ok = inplace.AppendSpan(otlp, span); ok {
					behind = append(behind, held)
					return true
				}
			}
			fit(span.Attributes())
			b.spans = append(b.spans, held)
			b.bytes += int64(held.bytes)
			return false
		})
		b.spans = append(b.spans, behind...)
		b.packed.scopes = append(b.packed.scopes, len(behind))
	}
	b.packed.otlp = otlp
	b.bytes += int64(cap(otlp) + len(b.spans)*heldSpanSize + 8*len(b.packed.scopes))
	for _, rs := range b.td.ResourceSpans().All() {
		b.bytes += int64(inplace.AroundSpans(rs) + scopeOverhead*(1+rs.ScopeSpans().Len()))
	}
}

// rooms are pieces of memory that were used before: making them anew isn't the least of what packing costs, and gives more garbage to collect.
type rooms struct{ sync.Pool }

// take is a piece of so many bytes, and not of many more.
func (r *rooms) take(bytes int) []byte {
	if bytes == 0 {
		return nil
	}
	if room, ok := r.Get().(*[]byte); ok && cap(*room) >= bytes && cap(*room) <= bytes+bytes/4 {
		return (*room)[:0]
	}
	return make([]byte, 0, bytes)
}

func (r *rooms) giveBack(room []byte) {
	if cap(room) > 0 {
		r.Put(&room)
	}
}

// likely reports whether a span will be kept, by what is known.
func (b *batch) likely(held *heldSpan, in *arrival) bool {
	if held.trace < 0 {
		return b.alone[^held.trace].verdict.keep
	}
	return in.traces[held.trace].likely
}

// unpack reads those of a scope's packed spans that are kept, the first ones of otlp. It returns the rest of otlp.
func (b *batch) unpack(otlp []byte, of []heldSpan) (kept ptrace.SpanSlice, _ []byte, err error) {
	var spans []byte
	for i := range of {
		_, _, n := protowire.ConsumeField(otlp)
		if n < 0 {
			return kept, nil, fmt.Errorf("read back spans that waited: %w", protowire.ParseError(n))
		}
		if b.verdict(&of[i]).keep {
			spans = append(spans, otlp[:n]...)
		}
		otlp = otlp[n:]
	}
	if len(spans) == 0 {
		return ptrace.NewSpanSlice(), otlp, nil
	}
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(tracesOf(spans))
	if err != nil {
		return kept, nil, fmt.Errorf("read back spans that waited: %w", err)
	}
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans(), otlp, nil
}

// tracesOf is a TracesData message of the spans of one scope (opentelemetry/proto/trace/v1/trace.proto).
func tracesOf(spans []byte) []byte {
	const resourceSpans, scopeSpans = 1, 2
	const around = 2 * (1 + 5) // tags and lengths, at most
	out := slices.Grow([]byte(nil), around+len(spans))
	out = protowire.AppendTag(out, resourceSpans, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(1+protowire.SizeBytes(len(spans))))
	out = protowire.AppendTag(out, scopeSpans, protowire.BytesType)
	return protowire.AppendBytes(out, spans)
}

// scopes yields every scope of td.
func scopes(td ptrace.Traces) func(func(ptrace.ScopeSpans) bool) {
	return func(yield func(ptrace.ScopeSpans) bool) {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				if !yield(ss) {
					return
				}
			}
		}
	}
}
