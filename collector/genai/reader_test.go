package genai

import (
	"math"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/ledger"
)

type attrs = map[string]any

var testRules = sync.OnceValues(BuiltinRules)

func newReader(t require.TestingT) *Reader {
	rules, err := testRules()
	require.NoError(t, err)
	return NewReader(rules)
}

// read reads one span of a scope ("name@version").
func read(t require.TestingT, scope string, a attrs, change ...func(ptrace.Span)) (ledger.Call, Outcome) {
	return readOf(t, &Resource{Service: "shop"}, scope, a, change...)
}

// readOf is read for a span of a resource.
func readOf(t require.TestingT, res *Resource, scope string, a attrs, change ...func(ptrace.Span)) (ledger.Call, Outcome) {
	r := newReader(t)
	span := ptrace.NewSpan()
	span.SetTraceID([16]byte{1})
	span.SetSpanID([8]byte{2})
	span.SetStartTimestamp(1_000)
	span.SetEndTimestamp(3_000)
	require.NoError(t, span.Attributes().FromRaw(a))
	for _, f := range change {
		f(span)
	}
	sc := pcommon.NewInstrumentationScope()
	name, version, _ := strings.Cut(scope, "@")
	if strings.HasPrefix(scope, "@") { // npm names
		name, version = scope, ""
	}
	sc.SetName(name)
	sc.SetVersion(version)
	var c ledger.Call
	out := r.Read(span, res, r.Scope(sc), &c)
	return c, out
}

func failed(s ptrace.Span) { s.Status().SetCode(ptrace.StatusCodeError) }

// with returns a with more.
func (a2 pairs) over(a attrs) attrs {
	out := attrs{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range a2 {
		out[k] = v
	}
	return out
}

type pairs map[string]any

var chat = attrs{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}

// What a span is, by research/otel.md §2 (who repeats usage on a parent).
func TestWhatASpanIs(t *testing.T) {
	usage := attrs{"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
	for name, c := range map[string]struct {
		scope string
		attrs attrs
		want  Outcome
	}{
		"http":                        {"http", attrs{"http.route": "/"}, NotModel},
		"conversation id only":        {"app", attrs{"gen_ai.conversation.id": "7"}, NotModel},
		"semconv chat":                {"app", pairs(usage).over(chat), Call},
		"chat without usage":          {"app", chat, Call},
		"invoke_agent with usage":     {"app", pairs{"gen_ai.operation.name": "invoke_agent"}.over(usage), Aggregate},
		"invoke_workflow":             {"app", pairs{"gen_ai.operation.name": "invoke_workflow"}.over(usage), Aggregate},
		"create_agent":                {"app", attrs{"gen_ai.operation.name": "create_agent"}, Aggregate},
		"execute_tool":                {"app", attrs{"gen_ai.operation.name": "execute_tool"}, NotCall},
		"retrieval":                   {"app", attrs{"gen_ai.operation.name": "retrieval"}, NotCall},
		"memory":                      {"app", attrs{"gen_ai.operation.name": "search_memory"}, NotCall},
		"fetch_response with usage":   {"app", pairs{"gen_ai.operation.name": "fetch_response"}.over(usage), NotCall},
		"count_tokens with input":     {"app", attrs{"gen_ai.operation.name": "count_tokens", "gen_ai.usage.input_tokens": 9}, NotCall},
		"unknown operation, usage":    {"app", pairs{"gen_ai.operation.name": "dream"}.over(usage), Call},
		"unknown operation, no usage": {"app", attrs{"gen_ai.operation.name": "dream"}, NotCall},
		"usage only":                  {"app", usage, Call},
		"cost only":                   {"app", attrs{"gen_ai.usage.cost": 0.1}, Call},
		"aggregated usage only":       {"pydantic-ai", attrs{"gen_ai.aggregated_usage.input_tokens": 10}, Aggregate},
		"vercel agent step":           {"gen_ai", attrs{"gen_ai.operation.name": "agent_step"}, Aggregate},
		"vercel embed around":         {"gen_ai", attrs{"gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "openai"}, Aggregate},
		"vercel embed":                {"gen_ai", attrs{"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 3}, Call},
		"vercel legacy root":          {"ai", attrs{"ai.operationId": "ai.streamText", "ai.usage.inputTokens": 10}, Aggregate},
		"vercel legacy leaf":          {"ai", attrs{"ai.operationId": "ai.streamText.doStream", "ai.usage.inputTokens": 10}, Call},
		"vercel legacy tool":          {"ai", attrs{"ai.operationId": "ai.toolCall"}, NotCall},
		"openinference LLM":           {"openinference.instrumentation.openai", attrs{"openinference.span.kind": "LLM", "llm.token_count.prompt": 1}, Call},
		"openinference embedding":     {"openinference.instrumentation.openai", attrs{"openinference.span.kind": "EMBEDDING", "llm.token_count.prompt": 1}, Call},
		"openinference agent":         {"openinference.instrumentation.smolagents", attrs{"openinference.span.kind": "AGENT", "llm.token_count.prompt": 1}, Aggregate},
		"openinference chain":         {"openinference.instrumentation.crewai", attrs{"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 1}, Aggregate},
		"openinference tool":          {"openinference.instrumentation.langchain", attrs{"openinference.span.kind": "TOOL"}, Aggregate},
		"traceloop workflow":          {"traceloop.tracer", attrs{"traceloop.span.kind": "workflow", "gen_ai.usage.input_tokens": 4}, Aggregate},
		"traceloop task":              {"traceloop.tracer", attrs{"traceloop.span.kind": "task"}, Aggregate},
		"litellm without operation":   {"litellm", attrs{"gen_ai.system": "openai", "llm.request.type": "", "gen_ai.usage.total_tokens": 12}, Call},
		"litellm raw request":         {"litellm", attrs{"llm.openai.messages": "…", "llm.openai.model": "gpt-4o"}, NotModel},
		"langfuse generation":         {"langfuse-sdk", attrs{"langfuse.observation.type": "generation"}, Call},
		"langfuse span":               {"langfuse-sdk", attrs{"langfuse.observation.type": "span", "gen_ai.usage.input_tokens": 4}, Aggregate},
		"agent over leaf":             {"app", attrs{"gen_ai.operation.name": "chat", "openinference.span.kind": "AGENT"}, Aggregate},
	} {
		t.Run(name, func(t *testing.T) {
			_, got := read(t, c.scope, c.attrs)
			require.Equal(t, c.want.String(), got.String())
		})
	}
}

// buckets in the order of the ledger: fresh, read, write 5m, write 1h, audio in, image in, text out, reasoning, audio out.
type buckets = [ledger.NumBuckets]int64

func TestResult(t *testing.T) {
	stream := pairs{"gen_ai.request.stream": true, "gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}.over(chat)
	c, _ := read(t, "app", stream)
	require.Equal(t, "stream", c.Kind)
	require.NotZero(t, c.Flags&ledger.FlagStream)
	require.Equal(t, ledger.UnpricedUsage, c.Unpriced)

	c, _ = read(t, "app", chat, failed)
	require.Equal(t, "error", c.ErrorClass)

	for name, a := range map[string]attrs{
		"class":         {"error.type": "429"},
		"python class":  {"error.type": "<class 'openai.RateLimitError'>"},
		"status":        {"error.type": "http", "http.response.status_code": 429},
		"bifrost":       {"gen_ai.error.type": "rate_limit_exceeded"},
		"aws exception": {"error.type": "ThrottlingException"},
	} {
		c, _ = read(t, "app", pairs(a).over(chat), failed)
		require.Equal(t, RateLimited, c.ErrorClass, name)
		require.NotZero(t, c.Flags&ledger.FlagRateLimited, name)
	}
	c, _ = read(t, "app", chat, failed, func(s ptrace.Span) {
		s.Events().AppendEmpty().Attributes().PutStr("exception.type", "openai.InternalServerError")
	})
	require.Equal(t, "openai.InternalServerError", c.ErrorClass)

	c, _ = read(t, "app@1.2", pairs{
		"gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1, "gen_ai.response.finish_reasons": []any{"stop"},
		"gen_ai.response.time_to_first_chunk": 0.25, "gen_ai.response.id": "resp_1", "gen_ai.response.model": "gpt-4o-2024-08-06",
		"openai.request.service_tier": "flex", "user.id": "u", "gen_ai.agent.name": "a", "gen_ai.conversation.id": "c",
		"gen_ai.prompt.name": "p", "gen_ai.prompt.version": 3, "feature": "search", "metadata.user_api_key_alias": "k", "gen_ai.team_id": "t",
	}.over(chat), func(s ptrace.Span) { s.TraceState().FromRaw("a=b,ot=rv:1;th:8") })
	require.Equal(t, "stop", c.FinishReason)
	require.Equal(t, int64(250*time.Millisecond), c.FirstToken)
	require.Equal(t, "stream", c.Kind)
	require.NotZero(t, c.ResponseID)
	require.Equal(t, "gpt-4o-2024-08-06", c.Model)
	require.Equal(t, "gpt-4o", c.RequestModel)
	require.Equal(t, "flex", c.ServiceTier)
	require.Equal(t, []string{"u", "a", "c", "p", "3", "search", "k", "t", "shop", "app@1.2"},
		[]string{c.User, c.Agent, c.Conversation, c.Prompt, c.PromptVersion, c.Feature, c.Key, c.Team, c.Service, c.Emitter})
	want := ledger.FlagTierUnknown | ledger.FlagUniqueID | ledger.FlagSampledHead | ledger.FlagStream
	require.Equal(t, want.String(), c.Flags.String())
	require.Equal(t, int64(2000), c.Duration)

	c, _ = read(t, "app", chat, func(s ptrace.Span) {
		s.SetSpanID([8]byte{})
		s.SetEndTimestamp(1)
	})
	require.NotZero(t, c.Flags&ledger.FlagMissingIDs)
	require.Zero(t, c.Duration, "an end before the start is no duration")
	c, _ = read(t, "app", chat, func(s ptrace.Span) { s.SetEndTimestamp(math.MaxUint64) })
	require.GreaterOrEqual(t, c.Duration, int64(0))
}

func TestServiceTier(t *testing.T) {
	swapped := "opentelemetry.instrumentation.openai_v2"
	for name, c := range map[string]struct {
		scope   string
		attrs   attrs
		want    string
		unknown bool
	}{
		"answered":               {"app", attrs{"openai.response.service_tier": "default", "openai.request.service_tier": "priority"}, "default", false},
		"asked for":              {"app", attrs{"openai.request.service_tier": "flex"}, "flex", true},
		"swapped":                {swapped, attrs{"gen_ai.openai.response.service_tier": "priority", "gen_ai.openai.request.service_tier": "default"}, "default", false},
		"swapped, asked for":     {swapped, attrs{"gen_ai.openai.response.service_tier": "priority"}, "priority", true},
		"anthropic's":            {"com.anthropic.sdk.python", attrs{"anthropic.response.service_tier": "standard"}, "standard", false},
		"recorded answer":        {"openinference.instrumentation.openai", attrs{"llm.invocation_parameters": `{"service_tier": "priority"}`, "output.value": `{"service_tier":"default"}`}, "default", false},
		"no recorded answer":     {"openinference.instrumentation.openai", attrs{"llm.invocation_parameters": `{"service_tier": "flex"}`, "output.value": "Done."}, "flex", true},
		"metadata":               {"ai", attrs{"ai.response.providerMetadata": `{"openai":{"serviceTier":"flex"}}`}, "flex", false},
		"spoilt metadata":        {"ai", attrs{"ai.response.providerMetadata": `{"openai":{"serviceTier":`}, "", true},
		"answers aren't read by": {"app", attrs{"llm.invocation_parameters": `{"service_tier": "flex"}`, "output.value": `{"service_tier":"flex"}`}, "", false},
	} {
		got, _ := read(t, c.scope, pairs(c.attrs).over(pairs{"gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1}.over(chat)))
		require.Equal(t, c.want, got.ServiceTier, name)
		require.Equal(t, c.unknown, got.Flags&ledger.FlagTierUnknown != 0, name)
	}
}

func TestProviders(t *testing.T) {
	for in, want := range map[string]string{
		"openai": "openai", "OpenAI": "openai", "az.ai.openai": "azure.ai.openai", "vertex_ai": "gcp.vertex_ai", "gemini": "gcp.gemini",
		"xai": "x_ai", "anthropic.messages": "anthropic", "somebody-else": "somebody-else", "": "",
	} {
		c, _ := read(t, "app", attrs{"gen_ai.operation.name": "chat", "gen_ai.system": in, "gen_ai.request.model": "m"})
		require.Equal(t, want, c.Provider, in)
	}
	c, _ := read(t, "opentelemetry.instrumentation.anthropic", attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})
	require.Equal(t, "anthropic", c.Provider, "the emitter says it where the span doesn't")
}

func TestProvidedCost(t *testing.T) {
	for name, c := range map[string]struct {
		key  string
		in   any
		want string
		bad  bool
	}{
		"double":           {"gen_ai.usage.cost", 0.0000125, "0.0000125", false},
		"shortest decimal": {"gen_ai.cost.total_cost", 0.1, "0.10", false},
		"small":            {"gen_ai.usage.cost", 1e-12, "0.000000000001", false},
		"half to even":     {"llm.cost.total", "0.0000000000025", "0.000000000002", false},
		"half to even up":  {"llm.cost.total", "0.0000000000015", "0.000000000002", false},
		"long":             {"operation.cost", 0.00012345678901234, "0.000123456789", false},
		"text":             {"gen_ai.usage.cost", "1.05e-05", "0.0000105", false},
		"int":              {"gen_ai.usage.cost", 2, "2.00", false},
		"negative":         {"gen_ai.usage.cost", -0.1, "0.00", true},
		"NaN":              {"gen_ai.usage.cost", math.NaN(), "0.00", true},
		"infinite":         {"gen_ai.usage.cost", math.Inf(1), "0.00", true},
		"huge":             {"gen_ai.usage.cost", 1e9, "0.00", true},
		"huge exponent":    {"gen_ai.usage.cost", "1e999999999", "0.00", true},
		"words":            {"gen_ai.usage.cost", "free", "0.00", true},
		"fraction":         {"gen_ai.usage.cost", "1/3", "0.00", true},
		"bool":             {"gen_ai.usage.cost", true, "0.00", true},
	} {
		got, _ := read(t, "app", pairs{c.key: c.in, "gen_ai.usage.input_tokens": 1}.over(chat))
		require.Equal(t, c.want, got.ProvidedCost.Short(), name)
		require.Equal(t, c.bad, got.Flags&ledger.FlagBadCount != 0, name)
		require.Equal(t, !c.bad, got.Flags&ledger.FlagHasProvided != 0, name)
		require.Empty(t, got.Unpriced, "%s: a bad cost doesn't spoil the usage", name)
	}
}

func TestZeroCostIsNone(t *testing.T) {
	for _, zero := range []any{0, 0.0, "0", "0.0", 1e-15} {
		got, _ := read(t, "app", pairs{"gen_ai.usage.cost": zero, "gen_ai.usage.input_tokens": 1}.over(chat))
		require.Zero(t, got.Flags&(ledger.FlagHasProvided|ledger.FlagBadCount), zero)
	}
}

// A double stands for its shortest decimal, rounded once.
func TestProvidedCostIsTheShortestDecimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.Float64Range(1e-9, 999_999).Draw(t, "cost")
		got, _ := read(t, "app", attrs{"gen_ai.usage.cost": d})
		require.NotZero(t, got.Flags&ledger.FlagHasProvided)
		off := new(big.Rat).Sub(new(big.Rat).SetFrac64(int64(got.ProvidedCost), int64(ledger.USD)), new(big.Rat).SetFloat64(d))
		bound := big.NewRat(1, 1_000_000_000_000) // half a unit, and what the shortest decimal is off the double
		require.LessOrEqual(t, off.Abs(off).Cmp(bound.Add(bound, new(big.Rat).SetFloat64(d*1e-15))), 0)
	})
}

func TestHeadSampled(t *testing.T) {
	for state, want := range map[string]bool{
		"": false, "ot=th:0": false, "ot=th:8": true, "ot=rv:12;th:c": true, "vendor=x": false, "vendor=th:8": false,
		"a=b, ot=th:00": false, "ot=": false,
	} {
		require.Equal(t, want, headSampled(state), state)
	}
}
