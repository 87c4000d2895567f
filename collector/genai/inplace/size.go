package inplace

import (
	"math/bits"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Sizes are bytes as OTLP protobuf (opentelemetry/proto/common/v1/common.proto, trace/v1/trace.proto; all of their field numbers that are met here take
// one byte). pdata's own functions take a walk of their own over all attributes; these go with a walk that is made anyway.

// varint is how many bytes a number takes.
func varint(n uint64) int { return (bits.Len64(n|1) + 6) / 7 }

// Field is what n bytes take as a field of a message: with a tag and a length.
func Field(n int) int { return 1 + varint(uint64(n)) + n }

// Size is what the attribute takes in its span. The map is the one that it is of.
func (p *Pair) Size(of pcommon.Map) int {
	var n int
	switch k := len(p.Key); {
	case !known:
		n = sizeOf(p.Value(of))
	case p.value.kind == textKind:
		n = len(*(*string)(p.value.at))
		if k > 0 && k+n < short-6 {
			return k + n + 8
		}
		n = Field(n)
	case p.value.kind == intKind:
		n = 1 + varint(*(*uint64)(p.value.at))
		if k > 0 && k < short-20 {
			return k + n + 6
		}
	case p.value.kind == doubleKind:
		n = 9
		if k > 0 && k < short-20 {
			return k + n + 6
		}
	case p.value.kind != nil:
		n = sizeOf(p.Value(of))
	}
	return pairSize(p.Key, n)
}

// short is the first length that takes more than one byte.
const short = 128

// pairSize is what a key and a value of n bytes take in their message.
func pairSize(key string, n int) int {
	n = Field(n)
	if key != "" {
		n += Field(len(key))
	}
	return Field(n)
}

// sizeOf is what a value takes, without a tag and a length.
func sizeOf(v pcommon.Value) (n int) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return Field(len(v.Str()))
	case pcommon.ValueTypeInt:
		return 1 + varint(uint64(v.Int()))
	case pcommon.ValueTypeDouble:
		return 9
	case pcommon.ValueTypeBool:
		return 2
	case pcommon.ValueTypeBytes:
		return Field(v.Bytes().Len())
	case pcommon.ValueTypeSlice:
		for _, of := range v.Slice().All() {
			n += Field(sizeOf(of))
		}
		return Field(n)
	case pcommon.ValueTypeMap:
		return Field(Size(v.Map()))
	}
	return 0
}

// Size is what attributes take in their message.
func Size(m pcommon.Map) (n int) {
	list := Of(m)
	for i := range list {
		n += list[i].Size(m)
	}
	return n
}

// TextSize and DoubleSize are what an attribute of that kind takes in its span.
func TextSize(key, text string) int { return pairSize(key, Field(len(text))) }

// DoubleSize is TextSize for a number that need not be whole.
func DoubleSize(key string) int { return pairSize(key, 9) }

// AroundSpans is what resources take with their scopes beside the spans, but for some bytes.
func AroundSpans(rs ptrace.ResourceSpans) int {
	const lengths = 8 // of messages, and their tags
	n := lengths + Size(rs.Resource().Attributes()) + Field(len(rs.SchemaUrl()))
	for _, ss := range rs.ScopeSpans().All() {
		scope := ss.Scope()
		n += lengths + Field(len(scope.Name())) + Field(len(scope.Version())) + Size(scope.Attributes()) + Field(len(ss.SchemaUrl()))
	}
	return n
}

var sizer ptrace.ProtoMarshaler

// SpanSize is what a span takes without a tag and a length, attributes being what its attributes take.
func SpanSize(s ptrace.Span, attributes int) int {
	if s.Events().Len()+s.Links().Len() > 0 {
		return sizer.SpanSize(s)
	}
	n := attributes + 2 + 2 + 2 // lengths of the ids
	if !s.TraceID().IsEmpty() {
		n += 16
	}
	if !s.SpanID().IsEmpty() {
		n += 8
	}
	if !s.ParentSpanID().IsEmpty() {
		n += 8
	}
	for _, text := range [...]string{s.TraceState().AsRaw(), s.Name()} {
		if text != "" {
			n += Field(len(text))
		}
	}
	if s.Flags() != 0 {
		n += 6 // a tag of two bytes
	}
	if s.Kind() != 0 {
		n += 1 + varint(uint64(s.Kind()))
	}
	if s.StartTimestamp() != 0 {
		n += 9
	}
	if s.EndTimestamp() != 0 {
		n += 9
	}
	for _, dropped := range [...]uint32{s.DroppedAttributesCount(), s.DroppedEventsCount(), s.DroppedLinksCount()} {
		if dropped != 0 {
			n += 1 + varint(uint64(dropped))
		}
	}
	status := 0
	if message := s.Status().Message(); message != "" {
		status = Field(len(message))
	}
	if code := s.Status().Code(); code != 0 {
		status += 1 + varint(uint64(code))
	}
	return n + Field(status)
}
