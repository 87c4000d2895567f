package inplace

import (
	"encoding/binary"
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
)

// OTLP is written here in one walk: pdata takes one for the sizes and another to write (docs/adr/0057-what-will-be-dropped-waits-packed.md). The length of a message that
// isn't known before is written last, into more bytes than it may need, which protobuf allows.

// kinds of fields, the lowest three bits of a tag (protobuf, "Message Structure").
const (
	byVarint = 0
	byEight  = 1
	byLength = 2
	byFour   = 5
)

// Tags of fields, all but those of flags of one byte (opentelemetry/proto/trace/v1/trace.proto, common/v1/common.proto, resource/v1/resource.proto).
const (
	tracesResources = 1<<3 | byLength

	resourceSpansResource = 1<<3 | byLength
	resourceSpansScopes   = 2<<3 | byLength
	resourceSpansSchema   = 3<<3 | byLength
	resourceAttributes    = 1<<3 | byLength
	resourceDropped       = 2<<3 | byVarint

	scopeSpansScope  = 1<<3 | byLength
	scopeSpansSpans  = 2<<3 | byLength
	scopeSpansSchema = 3<<3 | byLength
	scopeName        = 1<<3 | byLength
	scopeVersion     = 2<<3 | byLength
	scopeAttributes  = 3<<3 | byLength
	scopeDropped     = 4<<3 | byVarint

	spanTrace             = 1<<3 | byLength
	spanID                = 2<<3 | byLength
	spanState             = 3<<3 | byLength
	spanParent            = 4<<3 | byLength
	spanName              = 5<<3 | byLength
	spanKind              = 6<<3 | byVarint
	spanStart             = 7<<3 | byEight
	spanEnd               = 8<<3 | byEight
	spanAttributes        = 9<<3 | byLength
	spanDroppedAttributes = 10<<3 | byVarint
	spanEvents            = 11<<3 | byLength
	spanDroppedEvents     = 12<<3 | byVarint
	spanLinks             = 13<<3 | byLength
	spanDroppedLinks      = 14<<3 | byVarint
	spanStatus            = 15<<3 | byLength
	spanFlags             = 16<<3 | byFour // two bytes
	statusMessage         = 2<<3 | byLength
	statusCode            = 3<<3 | byVarint

	eventTime       = 1<<3 | byEight
	eventName       = 2<<3 | byLength
	eventAttributes = 3<<3 | byLength
	eventDropped    = 4<<3 | byVarint

	linkTrace      = 1<<3 | byLength
	linkSpan       = 2<<3 | byLength
	linkState      = 3<<3 | byLength
	linkAttributes = 4<<3 | byLength
	linkDropped    = 5<<3 | byVarint
	linkFlags      = 6<<3 | byFour
)

// AppendTraces appends td as OTLP's TracesData. Spans that AppendSpan declines are written by pdata. It declines such attributes of resources and scopes, and
// resources that refer to entities: what was appended is to be passed over then, but the room that was made can be used again.
func AppendTraces(b []byte, td ptrace.Traces) (_ []byte, ok bool) {
	if !known {
		return b, false
	}
	for _, rs := range td.ResourceSpans().All() {
		if entity.ResourceEntityRefs(rs.Resource()).Len() > 0 {
			return b, false
		}
		var resourceSpans, resource int
		b, resourceSpans = begin(b, tracesResources, fiveBytes)
		b, resource = begin(b, resourceSpansResource, fiveBytes)
		if b, ok = appendAttributes(b, resourceAttributes, rs.Resource().Attributes()); !ok {
			return b, false
		}
		b = appendCount(b, resourceDropped, uint64(rs.Resource().DroppedAttributesCount()))
		end(b, resource, fiveBytes)
		for _, ss := range rs.ScopeSpans().All() {
			if b, ok = appendScope(b, ss); !ok {
				return b, false
			}
		}
		b = appendText(b, resourceSpansSchema, rs.SchemaUrl())
		if !end(b, resourceSpans, fiveBytes) {
			return b, false
		}
	}
	return b, true
}

// appendScope appends the spans of a scope.
func appendScope(b []byte, ss ptrace.ScopeSpans) (_ []byte, ok bool) {
	b, scopeSpans := begin(b, resourceSpansScopes, fiveBytes)
	b, scope := begin(b, scopeSpansScope, fiveBytes)
	b = appendText(b, scopeName, ss.Scope().Name())
	b = appendText(b, scopeVersion, ss.Scope().Version())
	if b, ok = appendAttributes(b, scopeAttributes, ss.Scope().Attributes()); !ok {
		return b, false
	}
	b = appendCount(b, scopeDropped, uint64(ss.Scope().DroppedAttributesCount()))
	end(b, scope, fiveBytes)
	for _, span := range ss.Spans().All() {
		if b, ok = AppendSpan(b, span); ok {
			continue
		}
		if b, ok = appendByPdata(b, span); !ok {
			return b, false
		}
	}
	b = appendText(b, scopeSpansSchema, ss.SchemaUrl())
	return b, end(b, scopeSpans, fiveBytes)
}

// appendByPdata appends a copy of a span, as pdata writes it.
func appendByPdata(b []byte, s ptrace.Span) (_ []byte, ok bool) {
	td := ptrace.NewTraces()
	s.CopyTo(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	message, err := sizer.MarshalTraces(td)
	if err != nil {
		return b, false
	}
	for _, tag := range [...]byte{tracesResources, resourceSpansScopes, scopeSpansSpans} {
		if message, ok = field(message, tag); !ok {
			return b, false
		}
	}
	b = binary.AppendUvarint(append(b, scopeSpansSpans), uint64(len(message)))
	return append(b, message...), true
}

// field is the content of the first field with this tag among fields that are messages or texts.
func field(message []byte, tag byte) ([]byte, bool) {
	for len(message) > 0 {
		size, n := binary.Uvarint(message[1:])
		if n <= 0 || size > uint64(len(message)-1-n) {
			return nil, false
		}
		content, rest := message[1+n:1+n+int(size)], message[1+n+int(size):]
		if message[0] == tag {
			return content, true
		}
		message = rest
	}
	return nil, false
}

// AppendSpan appends a span as a field of OTLP's ScopeSpans. It declines one with a map or a list of other than simple values among its attributes (whose sizes would be asked for
// again and again), and one of two megabytes: they are few, and b stays as it is.
func AppendSpan(b []byte, s ptrace.Span) (_ []byte, ok bool) {
	if !known {
		return b, false
	}
	from := len(b)
	state, name, message := s.TraceState().AsRaw(), s.Name(), s.Status().Message()
	const fixed = 160 // at least what a span takes beside its texts and attributes
	b, span := begin(slices.Grow(b, fixed+len(state)+len(name)+len(message)), scopeSpansSpans, threeBytes)
	trace, id, parent := s.TraceID(), s.SpanID(), s.ParentSpanID()
	b = appendID(b, spanTrace, trace[:], trace.IsEmpty())
	b = appendID(b, spanID, id[:], id.IsEmpty())
	b = appendText(b, spanState, state)
	b = appendID(b, spanParent, parent[:], parent.IsEmpty())
	b = appendText(b, spanName, name)
	b = appendCount(b, spanKind, uint64(s.Kind()))
	b = binary.LittleEndian.AppendUint64(append(b, spanStart), uint64(s.StartTimestamp()))
	b = binary.LittleEndian.AppendUint64(append(b, spanEnd), uint64(s.EndTimestamp()))
	if b, ok = appendAttributes(b, spanAttributes, s.Attributes()); !ok {
		return b[:from], false
	}
	b = appendCount(b, spanDroppedAttributes, uint64(s.DroppedAttributesCount()))
	for _, e := range s.Events().All() {
		if b, ok = appendEvent(b, e); !ok {
			return b[:from], false
		}
	}
	b = appendCount(b, spanDroppedEvents, uint64(s.DroppedEventsCount()))
	for _, l := range s.Links().All() {
		if b, ok = appendLink(b, l); !ok {
			return b[:from], false
		}
	}
	b = appendCount(b, spanDroppedLinks, uint64(s.DroppedLinksCount()))
	if code := s.Status().Code(); code != 0 || message != "" {
		b = binary.AppendUvarint(append(b, spanStatus), uint64(textSize(message)+countSize(uint64(code))))
		b = appendCount(appendText(b, statusMessage, message), statusCode, uint64(code))
	}
	if flags := s.Flags(); flags != 0 {
		b = binary.LittleEndian.AppendUint32(append(b, spanFlags&0x7f|0x80, spanFlags>>7), flags)
	}
	if !end(b, span, threeBytes) {
		return b[:from], false
	}
	return b, true
}

func appendEvent(b []byte, e ptrace.SpanEvent) (_ []byte, ok bool) {
	b, event := begin(b, spanEvents, threeBytes)
	b = binary.LittleEndian.AppendUint64(append(b, eventTime), uint64(e.Timestamp()))
	b = appendText(b, eventName, e.Name())
	if b, ok = appendAttributes(b, eventAttributes, e.Attributes()); !ok {
		return b, false
	}
	b = appendCount(b, eventDropped, uint64(e.DroppedAttributesCount()))
	return b, end(b, event, threeBytes)
}

func appendLink(b []byte, l ptrace.SpanLink) (_ []byte, ok bool) {
	b, link := begin(b, spanLinks, threeBytes)
	trace, id := l.TraceID(), l.SpanID()
	b = appendID(b, linkTrace, trace[:], trace.IsEmpty())
	b = appendID(b, linkSpan, id[:], id.IsEmpty())
	b = appendText(b, linkState, l.TraceState().AsRaw())
	if b, ok = appendAttributes(b, linkAttributes, l.Attributes()); !ok {
		return b, false
	}
	b = appendCount(b, linkDropped, uint64(l.DroppedAttributesCount()))
	if flags := l.Flags(); flags != 0 {
		b = binary.LittleEndian.AppendUint32(append(b, linkFlags), flags)
	}
	return b, end(b, link, threeBytes)
}

// Bytes for the length of a message that is written last: three for two megabytes, five for what memory has.
const threeBytes, fiveBytes = 3, 5

// begin begins a message as a field; it says where its content is.
func begin(b []byte, tag byte, length int) (_ []byte, at int) {
	b = append(b, tag, 0, 0, 0, 0, 0)[:len(b)+1+length]
	return b, len(b)
}

// end writes the length of the message that began there; it says whether that has room.
func end(b []byte, at, length int) bool {
	n := len(b) - at
	for i := at - length; i < at-1; i++ {
		b[i] = byte(n) | 0x80
		n >>= 7
	}
	b[at-1] = byte(n)
	return n < 0x80
}

func appendID(b []byte, tag byte, id []byte, empty bool) []byte {
	if empty {
		return b
	}
	return append(append(b, tag, byte(len(id))), id...)
}

func appendAttributes(b []byte, tag byte, m pcommon.Map) (_ []byte, ok bool) {
	list := Of(m)
	for i := range list {
		if b, ok = list[i].appendTo(b, tag, m); !ok {
			return b, false
		}
	}
	return b, true
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
	return append(binary.AppendUvarint(append(b, tag), uint64(len(text))), text...)
}

func appendCount(b []byte, tag byte, n uint64) []byte {
	if n == 0 {
		return b
	}
	return binary.AppendUvarint(append(b, tag), n)
}

func appendDouble(b []byte, tag byte, d float64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, tag), math.Float64bits(d))
}
