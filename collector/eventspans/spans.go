package eventspans

import (
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// maxText is the longest text, in bytes, that goes along though no rule names it.
const maxText = 256

// Spans makes a span of each event that tells of a call, under the resource and the scope of its record. ld is only read.
func (r *Rules) Spans(ld plog.Logs) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, rl := range ld.ResourceLogs().All() {
		scopes := ptrace.NewScopeSpansSlice()
		for _, sl := range rl.ScopeLogs().All() {
			r.ofRecords(sl, scopes)
		}
		if scopes.Len() > 0 {
			rs := td.ResourceSpans().AppendEmpty()
			rl.Resource().CopyTo(rs.Resource())
			scopes.MoveAndAppendTo(rs.ScopeSpans())
		}
	}
	return td
}

// ofRecords adds the spans of one scope's events to scopes, if there are any.
func (r *Rules) ofRecords(sl plog.ScopeLogs, scopes ptrace.ScopeSpansSlice) {
	rules := r.ofScope(sl.Scope().Name())
	if len(rules) == 0 {
		return
	}
	spans := ptrace.NewSpanSlice()
	for _, record := range sl.LogRecords().All() {
		if rule := matching(rules, record); rule != nil {
			r.fill(spans.AppendEmpty(), rule, sl.Scope().Name(), record)
		}
	}
	if spans.Len() > 0 {
		ss := scopes.AppendEmpty()
		sl.Scope().CopyTo(ss.Scope())
		spans.MoveAndAppendTo(ss.Spans())
	}
}

// fill makes the span of one event.
func (r *Rules) fill(span ptrace.Span, rl *rule, scope string, record plog.LogRecord) {
	end := endOf(record)
	span.SetName(rl.ID)
	span.SetKind(ptrace.SpanKindClient)
	span.SetStartTimestamp(end - rl.duration(record.Attributes(), end))
	span.SetEndTimestamp(end)
	span.SetTraceID(record.TraceID())
	if record.TraceID().IsEmpty() {
		span.SetTraceID(conversation(rl, scope, record))
	}
	span.SetSpanID(identity(scope, record))
	span.SetParentSpanID(record.SpanID())
	if rl.Failed {
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	r.describe(span.Attributes(), rl, record.Attributes())
}

// duration is how long the call took, in nanoseconds; 0 if the event doesn't say, or more than can be.
func (rl *rule) duration(event pcommon.Map, end pcommon.Timestamp) pcommon.Timestamp {
	v, ok := event.Get(rl.Duration)
	if !ok {
		return 0
	}
	ms, ok := number(v)
	if !ok || ms < 0 || uint64(ms) > uint64(end)/uint64(time.Millisecond) {
		return 0
	}
	return pcommon.Timestamp(ms) * pcommon.Timestamp(time.Millisecond)
}

// describe sets the attributes: what goes along, what the rule says of such events, and what this one tells.
func (r *Rules) describe(attrs pcommon.Map, rl *rule, event pcommon.Map) {
	for key, v := range event.All() {
		if !rl.used[key] && !r.content[key] && key != "event.name" && !strings.HasPrefix(key, ledger.AttrPrefix) && short(v) {
			v.CopyTo(attrs.PutEmpty(key))
		}
	}
	for _, key := range rl.sets {
		switch value := rl.Set[key].(type) {
		case bool:
			attrs.PutBool(key, value)
		case string:
			attrs.PutStr(key, value)
		}
	}
	for _, key := range rl.said {
		if v, ok := event.Get(key); ok {
			for to, value := range rl.Values[key][v.AsString()] { // one
				attrs.PutStr(to, value)
			}
		}
	}
	for _, to := range rl.to {
		for _, key := range rl.Keys[to] {
			if put(attrs, to, event, key) {
				break
			}
		}
	}
}

// put sets an attribute of the span from one of the event, or from the sum of several counts of it ("a + b"); false if there is
// none. Counts that are told as text become numbers; what is no count stays as it is, for llmcost to flag.
func put(attrs pcommon.Map, to string, event pcommon.Map, from string) bool {
	first, more, sum := strings.Cut(from, " + ")
	v, ok := event.Get(first)
	if !ok {
		return false
	}
	n, counts := number(v)
	if !counts {
		v.CopyTo(attrs.PutEmpty(to))
		return true
	}
	for sum {
		first, more, sum = strings.Cut(more, " + ")
		v, ok := event.Get(first)
		if !ok {
			continue
		}
		m, ok := number(v)
		if !ok || m > 0 && n > math.MaxInt64-m || m < 0 && n < math.MinInt64-m {
			v.CopyTo(attrs.PutEmpty(to)) // what can't be added is told instead: no count, or one too large to be true
			return true
		}
		n += m
	}
	attrs.PutInt(to, n)
	return true
}

// number is a whole number, told as one or as text.
func number(v pcommon.Value) (int64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return v.Int(), true
	case pcommon.ValueTypeStr:
		n, err := strconv.ParseInt(v.Str(), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// short reports whether a value is no larger than a number or a short text.
func short(v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeInt, pcommon.ValueTypeDouble, pcommon.ValueTypeBool:
		return true
	case pcommon.ValueTypeStr:
		return len(v.Str()) <= maxText
	}
	return false
}

// endOf is when the event was written: the record's time, else what event.timestamp says, else when the SDK saw it.
func endOf(record plog.LogRecord) pcommon.Timestamp {
	if t := record.Timestamp(); t != 0 {
		return t
	}
	if v, ok := record.Attributes().Get("event.timestamp"); ok {
		if t, err := time.Parse(time.RFC3339Nano, v.AsString()); err == nil && t.UnixNano() > 0 {
			return pcommon.NewTimestampFromTime(t)
		}
	}
	return record.ObservedTimestamp()
}
