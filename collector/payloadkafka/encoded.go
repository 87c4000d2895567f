package payloadkafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/collector/genai/inplace"
)

// encoded are spans as OTLP protobuf, in pieces that each fit into a record. Pieces written one after the other are one message again:
// a repeated field may be continued (protobuf, "Last One Wins", merging of messages). So nothing is measured or encoded twice, and what
// waits holds no pointers for the collector of garbage.
type encoded struct {
	pieces []piece
	bytes  int
	spans  int
}

// piece is a TracesData message of so many spans.
type piece struct {
	otlp  []byte
	spans int
}

func (e *encoded) add(p piece) {
	e.pieces = append(e.pieces, p)
	e.bytes += len(p.otlp)
	e.spans += p.spans
}

// ItemsCount implements xexporterhelper.Request: spans.
func (e *encoded) ItemsCount() int { return e.spans }

// BytesSize implements xexporterhelper.Request.
func (e *encoded) BytesSize() int { return e.bytes }

var errForeign = errors.New("payloadkafka: not a request of this exporter")

// MergeSplit implements xexporterhelper.Request: both together, cut between pieces where they are more than max bytes (0: never cut).
func (e *encoded) MergeSplit(_ context.Context, max int, _ exporterhelper.RequestSizerType, other xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	if other != nil {
		o, ok := other.(*encoded)
		if !ok {
			return nil, errForeign
		}
		for _, p := range o.pieces {
			e.add(p)
		}
	}
	if max == 0 || e.bytes <= max {
		return []xexporterhelper.Request{e}, nil
	}
	var out []xexporterhelper.Request
	for part := range e.parts(max) {
		out = append(out, part)
	}
	return out, nil
}

// parts yields the pieces in order, as many together as are no more than max bytes; a larger piece comes alone.
func (e *encoded) parts(max int) func(yield func(*encoded) bool) {
	return func(yield func(*encoded) bool) {
		part := &encoded{}
		for _, p := range e.pieces {
			if part.bytes > 0 && part.bytes+len(p.otlp) > max {
				if !yield(part) {
					return
				}
				part = &encoded{}
			}
			part.add(p)
		}
		if len(part.pieces) > 0 {
			yield(part)
		}
	}
}

// message is all pieces as one.
func (e *encoded) message() []byte {
	if len(e.pieces) == 1 {
		return e.pieces[0].otlp
	}
	out := make([]byte, 0, e.bytes)
	for _, p := range e.pieces {
		out = append(out, p.otlp...)
	}
	return out
}

// desks are pieces of memory in which messages are written whose size isn't known before.
type desks struct{ sync.Pool }

// largestDesk bounds what is kept for the next message, in bytes.
const largestDesk = 4 << 20

// message is td as a TracesData message: pdata's own, which is some bytes less, where that makes it no larger than limit.
func (d *desks) message(td ptrace.Traces, limit int) ([]byte, error) {
	desk, ok := d.Get().(*[]byte)
	if !ok {
		desk = new([]byte)
	}
	written, ok := inplace.AppendTraces((*desk)[:0], td)
	if cap(written) <= largestDesk {
		*desk = written
		defer d.Put(desk)
	}
	var m ptrace.ProtoMarshaler
	if ok && (len(written) <= limit || m.TracesSize(td) > limit) {
		return slices.Clone(written), nil
	}
	out, err := m.MarshalTraces(td)
	if err != nil {
		return nil, fmt.Errorf("encode spans: %w", err)
	}
	return out, nil
}

// encode makes pieces of at most limit bytes. It also says how many spans are larger than that by themselves; they are left out.
func (d *desks) encode(td ptrace.Traces, limit int) (out *encoded, tooLarge int, err error) {
	var m ptrace.ProtoMarshaler
	out = &encoded{}
	whole, err := d.message(td, limit)
	if err != nil {
		return nil, 0, err
	}
	if len(whole) <= limit {
		if spans := td.SpanCount(); spans > 0 {
			out.add(piece{whole, spans})
		}
		return out, 0, nil
	}
	for part, spans := range cut(td, limit, &tooLarge) {
		b, err := m.MarshalTraces(part)
		if err != nil {
			return nil, 0, fmt.Errorf("encode spans: %w", err)
		}
		out.add(piece{b, spans})
	}
	return out, tooLarge, nil
}

// nesting is what a message within a message takes beside its content, at most, in bytes: a tag and a length.
const nesting = 6

// cut copies spans into parts of one resource and scope each, of at most limit bytes encoded.
func cut(td ptrace.Traces, limit int, tooLarge *int) func(yield func(ptrace.Traces, int) bool) {
	var m ptrace.ProtoMarshaler
	return func(yield func(ptrace.Traces, int) bool) {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				begin := func() (ptrace.Traces, ptrace.SpanSlice) {
					part := ptrace.NewTraces()
					r := part.ResourceSpans().AppendEmpty()
					rs.Resource().CopyTo(r.Resource())
					r.SetSchemaUrl(rs.SchemaUrl())
					s := r.ScopeSpans().AppendEmpty()
					ss.Scope().CopyTo(s.Scope())
					s.SetSchemaUrl(ss.SchemaUrl())
					return part, s.Spans()
				}
				part, spans := begin()
				empty := m.TracesSize(part) + 2*nesting // whose lengths grow with what is put in
				size := empty
				for _, span := range ss.Spans().All() {
					n := m.SpanSize(span) + nesting
					if empty+n > limit {
						*tooLarge++
						continue
					}
					if size+n > limit {
						if !yield(part, spans.Len()) {
							return
						}
						part, spans = begin()
						size = empty
					}
					span.CopyTo(spans.AppendEmpty())
					size += n
				}
				if spans.Len() > 0 && !yield(part, spans.Len()) {
					return
				}
			}
		}
	}
}
