package llmsampling

import (
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tollkeeper/tollkeeper/collector/genai/inplace"
)

// packed are the spans of a batch while they wait, as OTLP protobuf: in less than half of the memory, one piece in which the collector of garbage has nothing to
// look for (ADR 57). Those that are kept after all are read back.
type packed struct {
	otlp   []byte // one span after the other, as they lie within a ScopeSpans message
	scopes []int  // how many each scope of the batch has, one resource after the other
}

// divide is the batch as it waits: the spans that are likely to be kept as they are, each in as little room as it needs, and apart from them
// the others, packed.
func (s *sampler) divide(b *batch, in *arrival) []batch {
	rest := batch{due: b.due, traces: b.traces, alone: b.alone, cohort: b.cohort, spans: make([]heldSpan, 0, len(b.spans))}
	otlp := s.rooms.take(int(b.bytes + b.bytes/16))
	kept, i := b.spans[:0], 0
	b.bytes = int64(len(b.alone)*aloneSize + traceOverhead*len(in.traces))
	for ss := range scopes(b.td) {
		before := len(rest.spans)
		ss.Spans().RemoveIf(func(span ptrace.Span) bool {
			held := b.spans[i]
			i++
			if at := len(otlp); !b.likely(&held, in) {
				var ok bool
				if otlp, ok = inplace.AppendSpan(otlp, span); ok {
					held.bytes = uint32(len(otlp) - at)
					rest.spans = append(rest.spans, held)
					return true
				}
			}
			fit(span.Attributes())
			kept = append(kept, held)
			b.bytes += int64(held.bytes)
			return false
		})
		rest.packed.scopes = append(rest.packed.scopes, len(rest.spans)-before)
	}
	b.spans, b.bytes = kept, b.bytes+int64(len(kept)*heldSpanSize)
	rest.packed.otlp, rest.bytes = otlp, int64(cap(otlp)+cap(rest.spans)*heldSpanSize)
	switch {
	case len(rest.spans) == 0:
		s.rooms.giveBack(otlp)
		return []batch{*b}
	case len(kept) == 0:
		rest.td, rest.bytes = b.td, rest.bytes+b.bytes
		return []batch{rest}
	}
	rest.td = around(b.td)
	return []batch{*b, rest}
}

// rooms are pieces of memory that were used before. The memory that is made anew isn't the least of what packing costs, and it makes for more garbage.
type rooms struct{ sync.Pool }

// take is a piece of so many bytes, and not of many more.
func (r *rooms) take(bytes int) []byte {
	if room, ok := r.Get().(*[]byte); ok && cap(*room) >= bytes && cap(*room) <= 2*bytes {
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

// around are the resources and scopes of td without spans.
func around(td ptrace.Traces) ptrace.Traces {
	out := ptrace.NewTraces()
	for _, rs := range td.ResourceSpans().All() {
		to := out.ResourceSpans().AppendEmpty()
		rs.Resource().CopyTo(to.Resource())
		to.SetSchemaUrl(rs.SchemaUrl())
		for _, ss := range rs.ScopeSpans().All() {
			scope := to.ScopeSpans().AppendEmpty()
			ss.Scope().CopyTo(scope.Scope())
			scope.SetSchemaUrl(ss.SchemaUrl())
		}
	}
	return out
}

// unpack puts the packed spans that are kept back into their scopes, and leaves no others in the batch.
func (b *batch) unpack() error {
	otlp, kept, i, scope := b.packed.otlp, b.spans[:0], 0, 0
	var spans []byte // of one scope
	for ss := range scopes(b.td) {
		spans = spans[:0]
		for range b.packed.scopes[scope] {
			held := b.spans[i]
			i++
			if b.verdict(&held).keep {
				spans = append(spans, otlp[:held.bytes]...)
				kept = append(kept, held)
			}
			otlp = otlp[held.bytes:]
		}
		scope++
		if len(spans) == 0 {
			continue
		}
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(tracesOf(spans))
		if err != nil {
			return fmt.Errorf("read back spans that waited: %w", err)
		}
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().MoveAndAppendTo(ss.Spans())
	}
	b.spans, b.packed = kept, packed{}
	return nil
}

// tracesOf is a TracesData message of the spans of one scope (opentelemetry/proto/trace/v1/trace.proto).
func tracesOf(spans []byte) []byte {
	const resourceSpans, scopeSpans = 1, 2
	const around = 2 * (1 + 5) // tags and lengths, at most
	out := make([]byte, 0, around+len(spans))
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
