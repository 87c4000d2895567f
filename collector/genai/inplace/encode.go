package inplace

import (
	"encoding/binary"
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Tags of OTLP's fields (opentelemetry/proto/trace/v1/trace.proto, common/v1/common.proto): number<<3 and the kind, as in the size of things (size.go).
const (
	tagSpans = 2<<3 | byLength // of ScopeSpans

	tagTraceID    = 1<<3 | byLength // of Span
	tagSpanID     = 2<<3 | byLength
	tagState      = 3<<3 | byLength
	tagParent     = 4<<3 | byLength
	tagName       = 5<<3 | byLength
	tagKind       = 6<<3 | byVarint
	tagStart      = 7<<3 | byEight
	tagEnd        = 8<<3 | byEight
	tagAttributes = 9<<3 | byLength
	tagLostAttrs  = 10<<3 | byVarint
	tagLostEvents = 12<<3 | byVarint
	tagLostLinks  = 14<<3 | byVarint
	tagStatus     = 15<<3 | byLength
	tagMessage    = 2<<3 | byLength // of Status
	tagCode       = 3<<3 | byVarint
	tagKey        = 1<<3 | byLength // of KeyValue
	tagValue      = 2<<3 | byLength
	tagText       = 1<<3 | byLength // of AnyValue
	tagBool       = 2<<3 | byVarint
	tagInt        = 3<<3 | byVarint
	tagDouble     = 4<<3 | byEight
	tagList       = 5<<3 | byLength
	tagOfList     = 1<<3 | byLength // of ArrayValue
	flagsTag      = 16<<3 | byFour  // two bytes as a varint
	byVarint      = 0
	byEight       = 1
	byLength      = 2
	byFour        = 5
	roomOfSpan    = 3 // for the length of a span, which isn't known before: written in three bytes, however small
	largestSpan   = 1<<(7*roomOfSpan) - 1
	fixedOfSpan   = 160 // at least what a span takes beside its texts and attributes
)

// AppendSpan appends a span as a field of OTLP's ScopeSpans. It declines spans with events or links, with maps, bytes or lists of them among the attributes, or of
// two megabytes: they are few, and b stays as it is.
func AppendSpan(b []byte, s ptrace.Span) (_ []byte, ok bool) {
	if !known || s.Events().Len()+s.Links().Len() > 0 {
		return b, false
	}
	at := len(b)
	state, name, message := s.TraceState().AsRaw(), s.Name(), s.Status().Message()
	b = slices.Grow(b, fixedOfSpan+len(state)+len(name)+len(message))
	b = append(b, tagSpans, 0, 0, 0)
	b = appendID(b, s)
	b = appendText(b, tagState, state)
	b = appendText(b, tagName, name)
	b = appendCount(b, tagKind, uint64(s.Kind()))
	b = binary.LittleEndian.AppendUint64(append(b, tagStart), uint64(s.StartTimestamp()))
	b = binary.LittleEndian.AppendUint64(append(b, tagEnd), uint64(s.EndTimestamp()))
	b = appendCount(b, tagLostAttrs, uint64(s.DroppedAttributesCount()))
	b = appendCount(b, tagLostEvents, uint64(s.DroppedEventsCount()))
	b = appendCount(b, tagLostLinks, uint64(s.DroppedLinksCount()))
	if flags := s.Flags(); flags != 0 {
		b = binary.LittleEndian.AppendUint32(append(b, flagsTag&0x7f|0x80, flagsTag>>7), flags)
	}
	if code := s.Status().Code(); code != 0 || message != "" {
		b = append(b, tagStatus)
		b = appendVarint(b, uint64(textSize(message)+countSize(uint64(code))))
		b = appendCount(appendText(b, tagMessage, message), tagCode, uint64(code))
	}
	m := s.Attributes()
	list := Of(m)
	for i := range list {
		if b, ok = list[i].appendTo(b, m); !ok {
			return b[:at], false
		}
	}
	n := len(b) - at - 1 - roomOfSpan
	if n > largestSpan {
		return b[:at], false
	}
	b[at+1], b[at+2], b[at+3] = byte(n)|0x80, byte(n>>7)|0x80, byte(n>>14)
	return b, true
}

func appendID(b []byte, s ptrace.Span) []byte {
	trace, span, parent := s.TraceID(), s.SpanID(), s.ParentSpanID()
	if !trace.IsEmpty() {
		b = append(append(b, tagTraceID, byte(len(trace))), trace[:]...)
	}
	if !span.IsEmpty() {
		b = append(append(b, tagSpanID, byte(len(span))), span[:]...)
	}
	if !parent.IsEmpty() {
		b = append(append(b, tagParent, byte(len(parent))), parent[:]...)
	}
	return b
}

// appendTo appends an attribute of a span.
func (p *Pair) appendTo(b []byte, of pcommon.Map) ([]byte, bool) {
	switch key := p.Key; p.value.kind {
	case textKind:
		return appendTextPair(b, key, *(*string)(p.value.at)), true
	case intKind:
		n := *(*uint64)(p.value.at)
		return appendVarint(append(appendPair(b, key, 1+varint(n)), tagInt), n), true
	case doubleKind:
		return binary.LittleEndian.AppendUint64(append(appendPair(b, key, 9), tagDouble), *(*uint64)(p.value.at)), true
	case nil:
		return appendPair(b, key, 0), true
	default:
		return appendOther(b, key, p.Value(of))
	}
}

// appendTextPair appends an attribute whose value is a text; most are so short that each of its lengths takes one byte.
func appendTextPair(b []byte, key, text string) []byte {
	k, n := len(key), len(text)
	if k == 0 || k+n >= short-6 {
		b = appendPair(b, key, Field(n))
		return append(appendVarint(append(b, tagText), uint64(n)), text...)
	}
	at := len(b)
	b = slices.Grow(b, k+n+8)[:at+k+n+8]
	out := b[at:]
	out[0], out[1], out[2], out[3] = tagAttributes, byte(k+n+6), tagKey, byte(k)
	copy(out[4:], key)
	out = out[4+k:]
	out[0], out[1], out[2], out[3] = tagValue, byte(n+2), tagText, byte(n)
	copy(out[4:], text)
	return b
}

// appendPair appends all of an attribute but its value, which takes n bytes.
func appendPair(b []byte, key string, n int) []byte {
	k := len(key)
	if k == 0 || k+n >= short-4 {
		b = appendVarint(append(b, tagAttributes), uint64(textSize(key)+Field(n)))
		b = appendText(b, tagKey, key)
		return appendVarint(append(b, tagValue), uint64(n))
	}
	b = append(append(b, tagAttributes, byte(k+n+4), tagKey, byte(k)), key...)
	return append(b, tagValue, byte(n))
}

// appendOther appends an attribute whose value is a bool or a list of simple values.
func appendOther(b []byte, key string, v pcommon.Value) ([]byte, bool) {
	if v.Type() != pcommon.ValueTypeSlice {
		if !simple(v) {
			return b, false
		}
		return appendSimple(appendPair(b, key, sizeOf(v)), v), true
	}
	inside := 0
	for _, of := range v.Slice().All() {
		if !simple(of) {
			return b, false
		}
		inside += Field(sizeOf(of))
	}
	b = appendPair(b, key, Field(inside))
	b = appendVarint(append(b, tagList), uint64(inside))
	for _, of := range v.Slice().All() {
		b = appendSimple(appendVarint(append(b, tagOfList), uint64(sizeOf(of))), of)
	}
	return b, true
}

// simple reports whether a value is none, a text, a number or a bool.
func simple(v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeEmpty, pcommon.ValueTypeStr, pcommon.ValueTypeInt, pcommon.ValueTypeDouble, pcommon.ValueTypeBool:
		return true
	}
	return false
}

// appendSimple appends such a value.
func appendSimple(b []byte, v pcommon.Value) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return append(appendVarint(append(b, tagText), uint64(len(v.Str()))), v.Str()...)
	case pcommon.ValueTypeInt:
		return appendVarint(append(b, tagInt), uint64(v.Int()))
	case pcommon.ValueTypeDouble:
		return binary.LittleEndian.AppendUint64(append(b, tagDouble), math.Float64bits(v.Double()))
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return append(b, tagBool, 1)
		}
		return append(b, tagBool, 0)
	}
	return b
}

// textSize is what appendText appends.
func textSize(text string) int {
	if text == "" {
		return 0
	}
	return Field(len(text))
}

// countSize is what appendCount appends.
func countSize(n uint64) int {
	if n == 0 {
		return 0
	}
	return 1 + varint(n)
}

func appendText(b []byte, tag byte, text string) []byte {
	if text == "" {
		return b
	}
	return append(appendVarint(append(b, tag), uint64(len(text))), text...)
}

func appendCount(b []byte, tag byte, n uint64) []byte {
	if n == 0 {
		return b
	}
	return appendVarint(append(b, tag), n)
}

func appendVarint(b []byte, n uint64) []byte {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}
