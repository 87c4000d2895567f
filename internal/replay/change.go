package replay

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// spans visits every span.
func spans(td ptrace.Traces, f func(ptrace.Span)) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				f(s)
			}
		}
	}
}

// records visits every log record.
func records(ld plog.Logs, f func(plog.LogRecord)) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				f(r)
			}
		}
	}
}

// eventTime is the attribute in which an event tells its time, beside or instead of its record's.
const eventTime = "event.timestamp"

// shift moves all times by the same distance, so that the newest span or event ends at the given time.
func (sg signals) shift(to time.Time) {
	var newest pcommon.Timestamp
	spans(sg.traces, func(s ptrace.Span) { newest = max(newest, s.EndTimestamp(), s.StartTimestamp()) })
	records(sg.logs, func(r plog.LogRecord) { newest = max(newest, r.Timestamp(), r.ObservedTimestamp()) })
	if newest == 0 {
		return
	}
	by := pcommon.NewTimestampFromTime(to) - newest // wraps around for a shift into the past, and back in the sum
	moved := func(t pcommon.Timestamp, set func(pcommon.Timestamp)) {
		if t != 0 {
			set(t + by)
		}
	}
	spans(sg.traces, func(s ptrace.Span) {
		moved(s.StartTimestamp(), s.SetStartTimestamp)
		moved(s.EndTimestamp(), s.SetEndTimestamp)
		for _, e := range s.Events().All() {
			moved(e.Timestamp(), e.SetTimestamp)
		}
	})
	records(sg.logs, func(r plog.LogRecord) {
		moved(r.Timestamp(), r.SetTimestamp)
		moved(r.ObservedTimestamp(), r.SetObservedTimestamp)
		if v, ok := r.Attributes().Get(eventTime); ok {
			if t, err := time.Parse(time.RFC3339Nano, v.AsString()); err == nil {
				v.SetStr(t.Add(time.Duration(by)).Format(time.RFC3339Nano))
			}
		}
	})
}

// newIDs gives one pass ids of its own. Equal ids stay equal over all files of the pass, so traces and links hold together;
// a missing id stays missing.
type newIDs struct{ key [16]byte }

func freshIDs() (n newIDs) {
	rand.Read(n.key[:]) // never fails (crypto/rand)
	return n
}

// responseIDs are the attributes by which two reports are known to tell of one call. A repeated call is another call. Of events
// these are the request and the conversation.
var (
	responseIDs = []string{"gen_ai.response.id", "ai.response.id"}
	eventIDs    = []string{"request_id", "session.id", "conversation.id"}
)

func (n newIDs) trace(id pcommon.TraceID) pcommon.TraceID {
	if id.IsEmpty() {
		return id
	}
	for i := range id {
		id[i] ^= n.key[i]
	}
	return id
}

func (n newIDs) span(id pcommon.SpanID) pcommon.SpanID {
	if id.IsEmpty() {
		return id
	}
	return pcommon.SpanID(binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(id[:])^binary.BigEndian.Uint64(n.key[:])))
}

func (n newIDs) apply(sg signals) {
	suffix := "-" + hex.EncodeToString(n.key[:6])
	renew := func(attrs pcommon.Map, keys []string) {
		for _, key := range keys {
			if v, ok := attrs.Get(key); ok && v.Type() == pcommon.ValueTypeStr && v.Str() != "" {
				v.SetStr(v.Str() + suffix)
			}
		}
	}
	spans(sg.traces, func(s ptrace.Span) {
		s.SetTraceID(n.trace(s.TraceID()))
		s.SetSpanID(n.span(s.SpanID()))
		s.SetParentSpanID(n.span(s.ParentSpanID()))
		for _, l := range s.Links().All() {
			l.SetTraceID(n.trace(l.TraceID()))
			l.SetSpanID(n.span(l.SpanID()))
		}
		renew(s.Attributes(), responseIDs)
	})
	records(sg.logs, func(r plog.LogRecord) {
		r.SetTraceID(n.trace(r.TraceID()))
		r.SetSpanID(n.span(r.SpanID()))
		renew(r.Attributes(), eventIDs)
	})
}

// claim names the tenant in every resource, and wherever else a span or an event says its own.
func (sg signals) claim(tenant string) {
	const key = "tenant.id"
	own := func(attrs pcommon.Map) {
		if _, ok := attrs.Get(key); ok {
			attrs.PutStr(key, tenant)
		}
	}
	for _, rs := range sg.traces.ResourceSpans().All() {
		rs.Resource().Attributes().PutStr(key, tenant)
	}
	for _, rl := range sg.logs.ResourceLogs().All() {
		rl.Resource().Attributes().PutStr(key, tenant)
	}
	spans(sg.traces, func(s ptrace.Span) { own(s.Attributes()) })
	records(sg.logs, func(r plog.LogRecord) { own(r.Attributes()) })
}

// split cuts traces into requests of at most n spans, which keeps them far below the 4 MiB that gRPC servers take by default.
func split(td ptrace.Traces, n int) []ptrace.Traces {
	if td.SpanCount() <= n {
		return []ptrace.Traces{td}
	}
	var parts []ptrace.Traces
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for at := 0; at < ss.Spans().Len(); at += n {
				part := ptrace.NewTraces()
				prs := part.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(prs.Resource())
				prs.SetSchemaUrl(rs.SchemaUrl())
				pss := prs.ScopeSpans().AppendEmpty()
				ss.Scope().CopyTo(pss.Scope())
				pss.SetSchemaUrl(ss.SchemaUrl())
				for i := at; i < min(at+n, ss.Spans().Len()); i++ {
					ss.Spans().At(i).CopyTo(pss.Spans().AppendEmpty())
				}
				parts = append(parts, part)
			}
		}
	}
	return parts
}
