package eventspans

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/tollkeeper/tollkeeper/collector/eventspans/internal/metadata"
	"github.com/tollkeeper/tollkeeper/collector/eventspans/internal/metadatatest"
)

const claudeScope = "com.anthropic.claude_code.events"

var at = time.Date(2026, 11, 28, 19, 59, 7, 517_000_000, time.UTC)

// logs is one record of a scope, with these attributes.
func logs(scope string, attrs map[string]any) (plog.Logs, plog.LogRecord) {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("tenant.id", "acme")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(scope)
	sl.Scope().SetVersion("2.1.332")
	r := sl.LogRecords().AppendEmpty()
	r.SetTimestamp(pcommon.NewTimestampFromTime(at))
	if err := r.Attributes().FromRaw(attrs); err != nil {
		panic(err)
	}
	return ld, r
}

// request is Claude Code's event of a call, with these attributes changed; nil takes one away.
func request(change map[string]any) map[string]any {
	attrs := map[string]any{
		"event.name": "api_request", "model": "claude-haiku-4-5-20251001", "session.id": "s-1", "user.id": "u-1", "prompt.id": "p-1",
		"input_tokens": int64(700), "output_tokens": int64(120), "cache_read_tokens": int64(2304), "cache_creation_tokens": int64(512),
		"cache_creation_5m_tokens": int64(500), "cache_creation_1h_tokens": int64(12), "cost_usd": 0.0021704, "duration_ms": int64(365),
		"ttft_ms": int64(146), "request_id": "req_1", "speed": "normal", "anthropic.provider": "firstParty",
	}
	for key, value := range change {
		attrs[key] = value
		if value == nil {
			delete(attrs, key)
		}
	}
	return attrs
}

// spanOf is the span of the only event.
func spanOf(t *testing.T, ld plog.Logs) ptrace.Span {
	t.Helper()
	rules, err := Builtin()
	require.NoError(t, err)
	td := rules.Spans(ld)
	require.Equal(t, 1, td.SpanCount())
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
}

func TestAnEventBecomesASpan(t *testing.T) {
	ld, record := logs(claudeScope, request(nil))
	record.SetTraceID(pcommon.TraceID{1})
	record.SetSpanID(pcommon.SpanID{2})
	rules, err := Builtin()
	require.NoError(t, err)
	td := rules.Spans(ld)
	rs := td.ResourceSpans().At(0)
	require.Equal(t, map[string]any{"tenant.id": "acme"}, rs.Resource().Attributes().AsRaw())
	require.Equal(t, claudeScope, rs.ScopeSpans().At(0).Scope().Name())
	require.Equal(t, "2.1.332", rs.ScopeSpans().At(0).Scope().Version())
	span := rs.ScopeSpans().At(0).Spans().At(0)
	require.Equal(t, pcommon.TraceID{1}, span.TraceID())
	require.Equal(t, pcommon.SpanID{2}, span.ParentSpanID(), "what was going on when the event was written is above the call")
	require.Equal(t, at, span.EndTimestamp().AsTime())
	require.Equal(t, at.Add(-365*time.Millisecond), span.StartTimestamp().AsTime())
	require.Equal(t, ptrace.StatusCodeUnset, span.Status().Code())
	require.Equal(t, map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.agent.name": "claude-code", "gen_ai.provider.name": "anthropic", "gen_ai.request.stream": true,
		"gen_ai.request.model": "claude-haiku-4-5-20251001", "gen_ai.response.model": "claude-haiku-4-5-20251001", "gen_ai.response.id": "req_1",
		"gen_ai.usage.input_tokens": int64(700), "gen_ai.usage.output_tokens": int64(120),
		"gen_ai.usage.cache_read.input_tokens": int64(2304), "gen_ai.usage.cache_write.input_tokens": int64(512),
		"gen_ai.usage.cache_creation.ephemeral_5m_input_tokens": int64(500), "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens": int64(12),
		"gen_ai.usage.cost": 0.0021704, "gen_ai.conversation.id": "s-1", "ai.response.msToFirstChunk": int64(146),
		"anthropic.provider": "firstParty", "speed": "normal", "user.id": "u-1", "prompt.id": "p-1",
	}, span.Attributes().AsRaw())
}

// What an event says in a word of its own: fast has a price of its own; normal says nothing of the service tier.
func TestWordsOfAnEvent(t *testing.T) {
	for _, c := range []struct{ key, word, to, want string }{
		{"speed", "fast", "anthropic.response.service_tier", "fast"},
		{"speed", "normal", "anthropic.response.service_tier", ""},
		{"anthropic.provider", "bedrock", "gen_ai.provider.name", "aws.bedrock"},
		{"anthropic.provider", "another", "gen_ai.provider.name", ""},
	} {
		ld, _ := logs(claudeScope, request(map[string]any{c.key: c.word}))
		got := ""
		if v, ok := spanOf(t, ld).Attributes().Get(c.to); ok {
			got = v.Str()
		}
		require.Equal(t, c.want, got, "%s %s", c.key, c.word)
	}
}

// Sent again, or with its attributes in another order, it is the same call; whatever differs, it is another.
func TestAnEventSentAgainIsTheSameCall(t *testing.T) {
	first, _ := logs(claudeScope, request(nil))
	again, _ := logs(claudeScope, request(nil)) // a Go map: another order
	for range 20 {
		require.Equal(t, spanOf(t, first).SpanID(), spanOf(t, again).SpanID())
	}
	require.Equal(t, spanOf(t, first).TraceID(), spanOf(t, again).TraceID())
	seen := map[pcommon.SpanID]string{spanOf(t, first).SpanID(): "the first"}
	for name, change := range map[string]map[string]any{
		"another request": {"request_id": "req_2"}, "one token more": {"output_tokens": int64(121)}, "an attribute more": {"speed": nil},
		"a text that holds another's end": {"prompt.id": "p-1\x00speed"},
	} {
		ld, _ := logs(claudeScope, request(change))
		id := spanOf(t, ld).SpanID()
		require.Empty(t, seen[id], "%s has the id of %s", name, seen[id])
		seen[id] = name
		require.Equal(t, spanOf(t, first).TraceID(), spanOf(t, ld).TraceID(), "a conversation is one trace")
	}
	later, record := logs(claudeScope, request(nil))
	record.SetTimestamp(record.Timestamp() + 1)
	require.Empty(t, seen[spanOf(t, later).SpanID()])
	other, _ := logs(claudeScope, request(map[string]any{"session.id": "s-2"}))
	require.NotEqual(t, spanOf(t, first).TraceID(), spanOf(t, other).TraceID())
}

func TestTextsStayBehind(t *testing.T) {
	ld, _ := logs("gemini-cli", map[string]any{
		"event.name": "gemini_cli.api_response", "model": "gemini-2.5-flash", "input_token_count": int64(10), "tool_token_count": int64(3),
		"output_token_count": int64(4), "response_text": "Done.", "note": strings.Repeat("x", maxText), "long": strings.Repeat("x", maxText+1),
		"list": []any{"a"}, "tollkeeper.tenant": "someone else", "session.id": "s-1",
	})
	attrs := spanOf(t, ld).Attributes().AsRaw()
	for _, key := range []string{"response_text", "long", "list", "tollkeeper.tenant", "event.name"} {
		require.NotContains(t, attrs, key)
	}
	require.Contains(t, attrs, "note")
	require.Equal(t, int64(13), attrs["gen_ai.usage.input_tokens"], "what tools brought is input too")
}

func TestCountsThatAreNone(t *testing.T) {
	for name, c := range map[string]struct{ input, tool, want any }{
		"text":            {"12", "3", int64(15)},
		"one is missing":  {int64(12), nil, int64(12)},
		"not a number":    {"many", int64(3), "many"},
		"fraction":        {1.5, int64(3), 1.5},
		"added to none":   {int64(12), "many", "many"},
		"too many to add": {int64(math.MaxInt64), int64(1), int64(1)},
	} {
		t.Run(name, func(t *testing.T) {
			attrs := map[string]any{"event.name": "gemini_cli.api_response", "input_token_count": c.input}
			if c.tool != nil {
				attrs["tool_token_count"] = c.tool
			}
			ld, _ := logs("gemini-cli", attrs)
			require.Equal(t, c.want, spanOf(t, ld).Attributes().AsRaw()["gen_ai.usage.input_tokens"])
		})
	}
}

func TestTimes(t *testing.T) {
	ld, record := logs("codex_otel.log_only", map[string]any{
		"event.name": "codex.sse_event", "event.kind": "response.completed", "input_token_count": "5", "conversation.id": "c-1",
		"event.timestamp": "2026-11-28T19:59:33.993Z",
	})
	record.SetTimestamp(0)
	record.SetObservedTimestamp(7)
	require.Equal(t, time.Date(2026, 11, 28, 19, 59, 33, 993_000_000, time.UTC), spanOf(t, ld).EndTimestamp().AsTime(), "what the event says")
	record.Attributes().PutStr("event.timestamp", "yesterday")
	require.EqualValues(t, 7, spanOf(t, ld).EndTimestamp(), "when the SDK saw it")
	for _, ms := range []any{int64(-1), int64(math.MaxInt64), "long", nil} {
		ld, _ := logs(claudeScope, request(map[string]any{"duration_ms": ms}))
		span := spanOf(t, ld)
		require.Equal(t, span.EndTimestamp(), span.StartTimestamp(), "%v", ms)
	}
}

func TestOtherRecordsArePassedOver(t *testing.T) {
	rules, err := Builtin()
	require.NoError(t, err)
	for name, c := range map[string]struct {
		scope string
		attrs map[string]any
	}{
		"another scope":                   {"my.app", request(nil)},
		"another event":                   {claudeScope, request(map[string]any{"event.name": "tool_result"})},
		"no event":                        {claudeScope, request(map[string]any{"event.name": nil})},
		"Codex: a step of a stream":       {"codex_otel.log_only", map[string]any{"event.name": "codex.sse_event", "event.kind": "response.created"}},
		"Codex: the same without a usage": {"codex_otel.log_only", map[string]any{"event.name": "codex.sse_event", "event.kind": "response.completed"}},
		"Codex: a request that went well": {"codex_otel.log_only", map[string]any{"event.name": "codex.api_request", "http.response.status_code": "200"}},
	} {
		ld, _ := logs(c.scope, c.attrs)
		require.Zero(t, rules.Spans(ld).ResourceSpans().Len(), name)
	}
	refused, _ := logs("codex_otel.log_only", map[string]any{"event.name": "codex.api_request", "http.response.status_code": "429"})
	require.Equal(t, ptrace.StatusCodeError, spanOf(t, refused).Status().Code())
}

// The event's name may be the record's own, as the conventions have it since 1.38.
func TestEventNameOfTheRecord(t *testing.T) {
	ld, record := logs(claudeScope, request(map[string]any{"event.name": nil}))
	record.SetEventName("api_request")
	require.Equal(t, "claude_code.request", spanOf(t, ld).Name())
}

func TestRulesTellAllTheirFaults(t *testing.T) {
	_, err := parse([]byte("events:\n- {id: a, scopes: [s], event: e, keys: {x: [y]}}\n- {id: a, scopes: [s], event: e, keys: {x: [y]}, source: s, set: {n: 1.5}}\n"))
	require.ErrorContains(t, err, "event rule a: scopes, event, keys and source must be there")
	require.ErrorContains(t, err, `event rule "a": every rule needs an id of its own`)
	require.ErrorContains(t, err, "set: n: 1.5 is neither text nor boolean")
	_, err = parse([]byte("events:\n- {id: a, evnt: e}\n"))
	require.ErrorContains(t, err, "evnt")
}

func TestTheClientGetsTheResultOfItsCalls(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := connectortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	var got []ptrace.Traces
	var refusal error
	next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
		got = append(got, td)
		return refusal
	})
	require.NoError(t, err)
	c, err := NewFactory().CreateLogsToTraces(t.Context(), set, &Config{}, next)
	require.NoError(t, err)
	call, _ := logs(claudeScope, request(nil))
	other, _ := logs("my.app", request(nil))
	before := plog.NewLogs()
	call.CopyTo(before)
	require.NoError(t, c.ConsumeLogs(t.Context(), other))
	require.Empty(t, got, "nothing to send, nothing sent")
	refusal = errors.New("send the batch again")
	require.ErrorIs(t, c.ConsumeLogs(t.Context(), call), refusal)
	refusal = nil
	require.NoError(t, c.ConsumeLogs(t.Context(), call))
	require.Len(t, got, 2)
	require.Equal(t, before, call, "other exporters of logs get the records as they were")
	metadatatest.AssertEqualCollectorEventCalls(t, tel, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, c.Shutdown(t.Context()))
}

// Whatever is sent: no panic, no span without a time order, none that another order of attributes would change.
func FuzzSpans(f *testing.F) {
	rules, err := Builtin()
	if err != nil {
		f.Fatal(err)
	}
	for _, scope := range []string{claudeScope, "codex_otel.log_only", "gemini-cli"} {
		ld, _ := logs(scope, request(map[string]any{"event.kind": "response.completed", "input_token_count": "9"}))
		raw, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(raw)
		if err != nil {
			return
		}
		td := rules.Spans(ld)
		require.LessOrEqual(t, td.SpanCount(), ld.LogRecordCount())
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					require.False(t, s.SpanID().IsEmpty() || s.TraceID().IsEmpty())
					require.LessOrEqual(t, s.StartTimestamp(), s.EndTimestamp())
				}
			}
		}
		first, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		second, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(rules.Spans(ld))
		require.NoError(t, err)
		require.Equal(t, first, second)
	})
}
