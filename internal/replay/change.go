package replay

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
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

// shift moves all times by the same distance, so that the newest span ends at the given time.
func shift(td ptrace.Traces, to time.Time) {
	var newest pcommon.Timestamp
	spans(td, func(s ptrace.Span) { newest = max(newest, s.EndTimestamp(), s.StartTimestamp()) })
	if newest == 0 {
		return
	}
	by := pcommon.NewTimestampFromTime(to) - newest // wraps around for a shift into the past, and back in the sum
	spans(td, func(s ptrace.Span) {
		if s.StartTimestamp() != 0 {
			s.SetStartTimestamp(s.StartTimestamp() + by)
		}
		if s.EndTimestamp() != 0 {
			s.SetEndTimestamp(s.EndTimestamp() + by)
		}
		for _, e := range s.Events().All() {
			if e.Timestamp() != 0 {
				e.SetTimestamp(e.Timestamp() + by)
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

// responseIDs are the attributes by which two reports are known to tell of one call. A repeated call is another call.
var responseIDs = []string{"gen_ai.response.id", "ai.response.id"}

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

func (n newIDs) apply(td ptrace.Traces) {
	suffix := "-" + hex.EncodeToString(n.key[:6])
	spans(td, func(s ptrace.Span) {
		s.SetTraceID(n.trace(s.TraceID()))
		s.SetSpanID(n.span(s.SpanID()))
		s.SetParentSpanID(n.span(s.ParentSpanID()))
		for _, l := range s.Links().All() {
			l.SetTraceID(n.trace(l.TraceID()))
			l.SetSpanID(n.span(l.SpanID()))
		}
		for _, key := range responseIDs {
			if v, ok := s.Attributes().Get(key); ok && v.Type() == pcommon.ValueTypeStr && v.Str() != "" {
				v.SetStr(v.Str() + suffix)
			}
		}
	})
}

// claim names the tenant in every resource.
func claim(td ptrace.Traces, tenant string) {
	for _, rs := range td.ResourceSpans().All() {
		rs.Resource().Attributes().PutStr("tenant.id", tenant)
	}
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
