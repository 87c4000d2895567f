package llmsampling

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"
)

func TestContentKeys(t *testing.T) {
	m := newContentMatcher()
	for _, key := range []string{
		"gen_ai.input.messages", "gen_ai.prompt", "gen_ai.prompt.0.content", "gen_ai.completion.12.content", "gen_ai.system_instructions",
		"llm.input_messages.0.message.content", "input.value", "output.value", "traceloop.entity.input", "ai.prompt", "ai.prompt.messages",
		"ai.response.text", "ai.response.toolCalls", "pydantic_ai.all_messages", "llm.openai.messages", "llm.anthropic.system",
		"retrieval.documents.0.document.content", "gen_ai.tool.call.arguments", "gen_ai.tool.args", "gen_ai.task.input", "gen_ai.task.output", "langfuse.observation.input",
	} {
		require.True(t, m.match(key), key)
	}
	for _, key := range []string{
		"", "gen_ai.prompt.name", "gen_ai.prompt.version", "gen_ai.usage.input_tokens", "gen_ai.request.model", "llm.model_name",
		"llm.token_count.prompt", "llm.cost.prompt", "llm.usage.completion", "llm.usage.total_tokens", "ai.usage.promptTokens", "ai.model.id", "input.mime_type", "http.request.method",
		"tollkeeper.cost.usd", "llm.provider", "llm.openai.model", "traceloop.entity.name", "llm.request.type", "metadata",
	} {
		require.False(t, m.match(key), key)
	}
}

// The quick look passes over no key that holds content.
func TestNoContentIsPassedOver(t *testing.T) {
	m := newContentMatcher()
	for _, key := range contentKeys {
		if prefix, ok := strings.CutSuffix(key, "*"); ok {
			require.True(t, m.may(prefix), key)
			for _, more := range []string{"x", "0.content", ".messages"} {
				require.True(t, m.may(prefix+more), key)
			}
			continue
		}
		require.True(t, m.may(key), key)
	}
	require.True(t, m.may("llm.openai.messages"))
	for _, key := range []string{"gen_ai.usage.input_tokens", "gen_ai.request.model", "gen_ai.response.model", "http.route", "gen_ai.operation.name"} {
		require.False(t, m.may(key), key)
	}
}

func TestContentByTenant(t *testing.T) {
	prompt := map[string]any{"gen_ai.prompt.0.content": "secret", "gen_ai.request.model": "m", attrTenant: "acme"}
	open := map[string]any{"gen_ai.prompt.0.content": "secret", attrTenant: "open"}
	inherits := map[string]any{"input.value": "secret"}
	message := map[string]any{"content": "secret", "role": "user"}
	r := newRig(t, func(c *Config) {
		c.Probability, c.DecisionWait = 1, 0
		c.ContentByTenant = map[string]Content{"open": KeepContent}
	})
	td := build(span{name: "acme", trace: traceWith(1), attrs: prompt, event: message}, span{name: "open", trace: traceWith(1), attrs: open, event: message},
		span{name: "inherits", trace: traceWith(1), attrs: inherits})
	td.ResourceSpans().At(0).Resource().Attributes().PutStr(attrTenant, "open")
	require.NoError(t, r.ConsumeTraces(t.Context(), td))
	r.send(t, span{name: "nobody", trace: traceWith(2), attrs: inherits})
	secrets := map[string]int{}
	for _, td := range r.sink.AllTraces() {
		for s := range spans(td) {
			secrets[s.Name()] += 0
			count := func(attrs pcommon.Map) {
				for _, v := range attrs.All() {
					if v.AsString() == "secret" {
						secrets[s.Name()]++
					}
				}
			}
			count(s.Attributes())
			for _, e := range s.Events().All() {
				count(e.Attributes())
			}
		}
	}
	require.Equal(t, map[string]int{"acme": 0, "open": 2, "inherits": 1, "nobody": 0}, secrets)
}

func TestLongValuesAreCut(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Probability, c.DecisionWait, c.Content, c.MaxValueBytes = 1, 0, KeepContent, 300 })
	long := strings.Repeat("é", 1000)
	r.send(t, span{name: "s", trace: traceWith(1), event: map[string]any{"content": long}, attrs: map[string]any{
		"text": long, "list": []any{long}, "short": "ok", "number": int64(7),
	}})
	got := r.sink.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	attrs := got.Attributes().AsRaw()
	require.Equal(t, strings.Repeat("é", 150)+"… [cut, 2000 bytes]", attrs["text"])
	require.Contains(t, attrs["list"], "… [cut, 2004 bytes]")
	require.Equal(t, "ok", attrs["short"])
	require.EqualValues(t, 7, attrs["number"])
	require.Contains(t, got.Events().At(0).Attributes().AsRaw()["content"], "[cut")
}

func TestConfigProblems(t *testing.T) {
	c := Config{DecisionWait: -1, MinCost: "-1", Probability: 2, Content: "maybe", ContentByTenant: map[string]Content{"acme": "some"}}
	err := c.Validate()
	for _, want := range []string{"decision_wait", "max_held_mib", "max_decisions", `min_cost: "-1"`, "probability: 2", `content: "maybe"`, "content_by_tenant.acme", "max_value_bytes"} {
		require.ErrorContains(t, err, want)
	}
}

// Errors quote what was asked: with content off their texts go, on spans of every kind, and what names the error stays.
func TestErrorTextsAreContent(t *testing.T) {
	const secret = "400 the prompt 'my diagnosis' is too long"
	attrs := map[string]any{
		"error.type": "BadRequestError", "http.response.status_code": int64(400), "error.message": secret, "error.stack_trace": secret,
		"exception.message": secret,
	}
	event := map[string]any{"exception.type": "openai.BadRequestError", "exception.message": secret, "exception.stacktrace": secret}
	r := newRig(t, func(c *Config) {
		c.DecisionWait = 0
		c.ContentByTenant = map[string]Content{"open": KeepContent}
	})
	td := ptrace.NewTraces()
	for i, tenant := range []string{"acme", "open"} {
		part := build(span{name: "s", trace: traceWith(uint64(i + 1)), attrs: attrs, event: event})
		s := part.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Status().SetMessage(secret)
		part.ResourceSpans().At(0).Resource().Attributes().PutStr(attrTenant, tenant)
		part.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	require.NoError(t, r.ConsumeTraces(t.Context(), td))
	left := map[string]map[string]any{}
	for _, td := range r.sink.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			tenant, _ := rs.Resource().Attributes().Get(attrTenant)
			s := rs.ScopeSpans().At(0).Spans().At(0)
			require.Equal(t, ptrace.StatusCodeError, s.Status().Code())
			all := map[string]any{"status": s.Status().Message()}
			for k, v := range s.Attributes().AsRaw() {
				all[k] = v
			}
			for k, v := range s.Events().At(0).Attributes().AsRaw() {
				all["event "+k] = v
			}
			left[tenant.Str()] = all
		}
	}
	require.Len(t, left, 2)
	for k, v := range left["acme"] {
		require.NotEqual(t, secret, v, k)
	}
	require.Equal(t, "BadRequestError", left["acme"]["error.type"])
	require.Equal(t, "openai.BadRequestError", left["acme"]["event exception.type"])
	require.EqualValues(t, 400, left["acme"]["http.response.status_code"])
	for _, k := range []string{"status", "error.message", "error.stack_trace", "exception.message", "event exception.message", "event exception.stacktrace"} {
		require.Equal(t, secret, left["open"][k], k)
	}
}

// What would be cut is never overlooked, and a look's size is near the true one.
func TestALookFindsLongLists(t *testing.T) {
	const limit = 60
	rules, err := newRules(Config{})
	require.NoError(t, err)
	content := newContentMatcher()
	rapid.Check(t, func(t *rapid.T) {
		span := ptrace.NewSpan()
		list := span.Attributes().PutEmptySlice("list")
		for range rapid.IntRange(0, 9).Draw(t, "values") {
			switch v := list.AppendEmpty(); rapid.IntRange(0, 4).Draw(t, "type") {
			case 0:
				v.SetInt(rapid.Int64().Draw(t, "int"))
			case 1:
				v.SetDouble(rapid.Float64().Draw(t, "double"))
			case 2:
				v.SetBool(true)
			case 3:
				v.SetEmptySlice().AppendEmpty().SetStr(rapid.String().Draw(t, "deep"))
			default:
				v.SetStr(rapid.StringOfN(rapid.RuneFrom([]rune("a\x01\"<é")), 0, 20, -1).Draw(t, "text"))
			}
		}
		look := rules.look(span, content, limit)
		if !look.odd {
			require.InDelta(t, (&ptrace.ProtoMarshaler{}).SpanSize(span), look.size, spanBytes+10*9)
		}
		if cut(span, limit) > 0 {
			require.True(t, look.long)
		}
	})
}

// second looks at a key's eleventh byte, so every key of content that begins with gen_ai must have one, before its star.
func TestKeysOfContentAreLongEnough(t *testing.T) {
	for _, key := range contentKeys {
		if prefix := strings.TrimSuffix(key, "*"); strings.HasPrefix(prefix, "gen_ai.") {
			require.True(t, isGenAI(prefix), key)
		}
	}
}
