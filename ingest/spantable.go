package ingest

import (
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

type attributes = pcommon.Map

// pair is an attribute as text.
type pair struct{ key, value string }

func pairs(attrs pcommon.Map) []pair {
	out := make([]pair, 0, attrs.Len())
	for k, v := range attrs.All() {
		out = append(out, pair{k, v.AsString()})
	}
	return out
}

func textOf(attrs pcommon.Map, key string) string {
	if v, ok := attrs.Get(key); ok {
		return v.AsString()
	}
	return ""
}

// spanTable is the table spans, in the order of insert_spans.sql.
type spanTable struct {
	table
	minute                      *proto.ColDateTime
	tenant                      textColumn
	trace                       idColumn
	span, parent                spanColumn
	start                       *proto.ColDateTime64
	duration, version           countColumn
	service, name, kind, status textColumn
	message                     *proto.ColStr
	scope, kept                 textColumn
	resource, attributes        *proto.ColMap[string, string]
	events                      *eventColumn
	probability                 *proto.ColFloat64
}

func newSpanTable() *spanTable {
	t := &spanTable{}
	texts := func() *proto.ColMap[string, string] {
		return proto.NewMap[string, string](new(proto.ColStr).LowCardinality(), new(proto.ColStr))
	}
	t.minute = t.seconds("minute")
	t.tenant = t.text("tenant")
	t.trace = add(&t.table, "trace_id", new(proto.ColFixedStr16))
	t.span = add(&t.table, "span_id", new(proto.ColFixedStr8))
	t.parent = add(&t.table, "parent_span_id", new(proto.ColFixedStr8))
	t.start = t.instant("start", proto.PrecisionNano)
	t.duration = t.count("duration_ns")
	t.service = t.text("service")
	t.name = t.text("name")
	t.kind = t.text("kind")
	t.status = t.text("status")
	t.message = add(&t.table, "status_message", new(proto.ColStr))
	t.scope = t.text("scope")
	t.resource = add(&t.table, "resource", texts())
	t.attributes = add(&t.table, "attributes", texts())
	t.events = add(&t.table, "events", newEventColumn())
	t.kept = t.text("kept")
	t.probability = add(&t.table, "sample_probability", new(proto.ColFloat64))
	t.version = t.count("version")
	return t
}

func (t *spanTable) append(r *spanRow) {
	s := r.span
	t.rows++
	t.minute.Data = append(t.minute.Data, proto.DateTime(r.minute))
	t.tenant.Append(r.tenant)
	t.trace.Append(s.TraceID())
	t.span.Append(s.SpanID())
	t.parent.Append(s.ParentSpanID())
	t.start.AppendRaw(proto.DateTime64(s.StartTimestamp()))
	t.duration.Append(uint64(max(0, int64(s.EndTimestamp())-int64(s.StartTimestamp()))))
	t.service.Append(r.service)
	t.name.Append(s.Name())
	t.kind.Append(s.Kind().String())
	t.status.Append(s.Status().Code().String())
	t.message.Append(s.Status().Message())
	t.scope.Append(r.scope)
	appendPairs(t.resource, r.resource)
	attrs := pairs(s.Attributes())
	appendPairs(t.attributes, attrs)
	t.events.append(s)
	t.kept.Append(r.kept)
	t.probability.Append(r.probability)
	t.version.Append(spanVersion(s.Events().Len(), attrs, s.Name(), s.Status().Message()))
}

func appendPairs(c *proto.ColMap[string, string], ps []pair) {
	for _, p := range ps {
		c.Keys.Append(p.key)
		c.Values.Append(p.value)
	}
	c.Offsets.Append(uint64(c.Keys.Rows()))
}

// spanVersion orders copies of a span by content, the fuller one first, so that which is kept doesn't depend on the
// order of arrival: 16 bits of size, 48 of hash.
func spanVersion(events int, attrs []pair, texts ...string) uint64 {
	h := xxhash.New()
	for _, p := range attrs {
		_, _ = h.WriteString(p.key)
		_, _ = h.WriteString(p.value)
	}
	for _, t := range texts {
		_, _ = h.WriteString(t)
	}
	return uint64(min(len(attrs)+events, 1<<16-1))<<48 | h.Sum64()>>16
}

// eventColumn is Array(Tuple(at, name, attributes)), which ch-go has no type for.
type eventColumn struct {
	offsets    proto.ColUInt64
	at         *proto.ColDateTime64
	name       *proto.ColStr
	attributes *proto.ColMap[string, string]
}

func newEventColumn() *eventColumn {
	return &eventColumn{
		at:         new(proto.ColDateTime64).WithPrecision(proto.PrecisionNano).WithLocation(time.UTC),
		name:       new(proto.ColStr),
		attributes: proto.NewMap[string, string](new(proto.ColStr), new(proto.ColStr)),
	}
}

// Type implements proto.ColInput.
func (*eventColumn) Type() proto.ColumnType {
	return "Array(Tuple(at DateTime64(9, 'UTC'), name String, attributes Map(String, String)))"
}

// Rows implements proto.ColInput.
func (c *eventColumn) Rows() int { return c.offsets.Rows() }

// Reset empties the column.
func (c *eventColumn) Reset() {
	c.offsets.Reset()
	c.at.Reset()
	c.name.Reset()
	c.attributes.Reset()
}

// EncodeColumn implements proto.ColInput.
func (c *eventColumn) EncodeColumn(b *proto.Buffer) {
	c.offsets.EncodeColumn(b)
	c.at.EncodeColumn(b)
	c.name.EncodeColumn(b)
	c.attributes.EncodeColumn(b)
}

// WriteColumn implements proto.ColInput.
func (c *eventColumn) WriteColumn(w *proto.Writer) { w.ChainBuffer(c.EncodeColumn) }

func (c *eventColumn) append(s ptrace.Span) {
	for _, e := range s.Events().All() {
		c.at.AppendRaw(proto.DateTime64(e.Timestamp()))
		c.name.Append(e.Name())
		appendPairs(c.attributes, pairs(e.Attributes()))
	}
	c.offsets.Append(uint64(c.at.Rows()))
}
