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

// The arithmetic of every emitter and provider of research/otel.md §1.7 that has a rule.
func TestArithmetic(t *testing.T) {
	semconv := func(provider string, in, out, cacheRead, cacheWrite int) attrs {
		return attrs{
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": "m",
			"gen_ai.usage.input_tokens": in, "gen_ai.usage.output_tokens": out,
			"gen_ai.usage.cache_read.input_tokens": cacheRead, "gen_ai.usage.cache_creation.input_tokens": cacheWrite,
		}
	}
	previous := func(system string, in, out, cacheRead, cacheWrite int) attrs {
		return attrs{
			"gen_ai.operation.name": "chat", "gen_ai.system": system, "gen_ai.request.model": "m",
			"gen_ai.usage.prompt_tokens": in, "gen_ai.usage.completion_tokens": out,
			"gen_ai.usage.cache_read_input_tokens": cacheRead, "gen_ai.usage.cache_creation_input_tokens": cacheWrite,
		}
	}
	inference := func(in, out int, more pairs) attrs {
		return more.over(attrs{"openinference.span.kind": "LLM", "llm.token_count.prompt": in, "llm.token_count.completion": out})
	}
	const sure, wrong, guess, life = 0, ledger.FlagContradiction, ledger.FlagEstimated, ledger.FlagLifeUnknown
	for name, c := range map[string]struct {
		scope string
		attrs attrs
		rule  string
		want  buckets
		flags ledger.Flags
	}{
		"semconv openai": {"app", semconv("openai", 100, 50, 30, 0), "otel.genai", buckets{70, 30, 0, 0, 0, 0, 50}, sure},
		"semconv anthropic, inside by the convention": {"app", semconv("anthropic", 100, 50, 30, 20), "otel.genai",
			buckets{50, 30, 20, 0, 0, 0, 50}, life},
		"semconv, more cached than input": {"app", semconv("anthropic", 10, 50, 30, 20), "otel.genai",
			buckets{10, 30, 20, 0, 0, 0, 50}, wrong | life},
		"semconv cache_write": {"app", attrs{"gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 1,
			"gen_ai.usage.cache_write.input_tokens": 4}, "otel.genai", buckets{5, 0, 4, 0, 0, 0, 1}, life},
		"semconv reasoning and modalities": {"app", pairs{"gen_ai.usage.reasoning.output_tokens": 20, "gen_ai.usage.audio.input_tokens": 10,
			"gen_ai.usage.image.input_tokens": 5, "gen_ai.usage.audio.output_tokens": 7}.over(semconv("openai", 100, 50, 0, 0)), "otel.genai",
			buckets{85, 0, 0, 0, 10, 5, 23, 20, 7}, sure},
		"more reasoning than output": {"app", pairs{"gen_ai.usage.reasoning.output_tokens": 60}.over(semconv("openai", 10, 50, 0, 0)),
			"otel.genai", buckets{10, 0, 0, 0, 0, 0, 50, 60}, wrong},
		"previous names, openai":                 {"app", previous("openai", 100, 50, 30, 0), "default", buckets{70, 30, 0, 0, 0, 0, 50}, sure},
		"previous names, anthropic, proved":      {"app", previous("anthropic", 10, 50, 30, 0), "otel.genai.outside", buckets{10, 30, 0, 0, 0, 0, 50}, sure},
		"previous names, anthropic, undecided":   {"app", previous("anthropic", 100, 50, 30, 0), "otel.genai.outside", buckets{70, 30, 0, 0, 0, 0, 50}, guess},
		"openllmetry anthropic":                  {"opentelemetry.instrumentation.anthropic@0.62.1", semconv("anthropic", 100, 50, 30, 20), "openllmetry.anthropic", buckets{50, 30, 20, 0, 0, 0, 50}, life},
		"openllmetry bedrock, converse":          {"opentelemetry.instrumentation.bedrock@0.62.1", semconv("aws.bedrock", 100, 50, 30, 20), "openllmetry.bedrock", buckets{100, 30, 20, 0, 0, 0, 50}, life},
		"openllmetry openai":                     {"opentelemetry.instrumentation.openai.v1@0.62.1", previous("OpenAI", 100, 50, 30, 0), "openllmetry.openai", buckets{70, 30, 0, 0, 0, 0, 50}, ledger.FlagAudioUnknown},
		"openllmetry openai, js":                 {"@traceloop/instrumentation-openai", previous("OpenAI", 100, 50, 30, 0), "openllmetry.node.openai", buckets{70, 30, 0, 0, 0, 0, 50}, ledger.FlagTierUnknown | ledger.FlagAudioUnknown},
		"openllmetry gemini, thoughts recovered": {"opentelemetry.instrumentation.google_generativeai", pairs{"gen_ai.usage.total_tokens": 190}.over(semconv("gcp.gemini", 100, 50, 30, 0)), "openllmetry.google", buckets{70, 30, 0, 0, 0, 0, 50, 40}, ledger.FlagAudioUnknown},
		"openllmetry gemini, total too small":    {"opentelemetry.instrumentation.google_generativeai", pairs{"gen_ai.usage.total_tokens": 90}.over(semconv("gcp.gemini", 100, 50, 0, 0)), "openllmetry.google", buckets{100, 0, 0, 0, 0, 0, 50}, wrong | ledger.FlagAudioUnknown},
		"official google genai":                  {"opentelemetry.instrumentation.google_genai", semconv("gcp.gemini", 100, 90, 30, 0), "otel.google_genai", buckets{70, 30, 0, 0, 0, 0, 90}, sure},
		"openinference openai": {"openinference.instrumentation.openai@0.1.66", inference(100, 50, pairs{"llm.token_count.prompt_details.cache_read": 30,
			"llm.token_count.completion_details.reasoning": 20}), "openinference.openai", buckets{70, 30, 0, 0, 0, 0, 30, 20}, sure},
		"openinference anthropic": {"openinference.instrumentation.anthropic", inference(100, 50, pairs{"llm.token_count.prompt_details.cache_read": 30,
			"llm.token_count.prompt_details.cache_write": 20}), "openinference.anthropic", buckets{50, 30, 20, 0, 0, 0, 50}, life},
		"openinference bedrock converse, by the total": {"openinference.instrumentation.bedrock", inference(100, 50, pairs{"llm.token_count.total": 180,
			"llm.token_count.prompt_details.cache_read": 30}), "openinference.bedrock", buckets{100, 30, 0, 0, 0, 0, 50}, sure},
		"openinference bedrock invoke, by the total": {"openinference.instrumentation.bedrock", inference(100, 50, pairs{"llm.token_count.total": 150,
			"llm.token_count.prompt_details.cache_read": 30}), "openinference.bedrock", buckets{70, 30, 0, 0, 0, 0, 50}, sure},
		"openinference bedrock without a total": {"openinference.instrumentation.bedrock", inference(100, 50, pairs{
			"llm.token_count.prompt_details.cache_read": 30}), "openinference.bedrock", buckets{70, 30, 0, 0, 0, 0, 50}, guess},
		"openinference vertexai, thoughts recovered": {"openinference.instrumentation.vertexai", inference(100, 50, pairs{"llm.token_count.total": 170}),
			"openinference.vertexai", buckets{100, 0, 0, 0, 0, 0, 50, 20}, sure},
		"openinference google genai": {"openinference.instrumentation.google_genai", inference(100, 70, pairs{"llm.token_count.prompt_details.cache_read": 30,
			"llm.token_count.completion_details.reasoning": 20}), "openinference.google_genai", buckets{70, 30, 0, 0, 0, 0, 50, 20}, sure},
		"openinference langchain": {"openinference.instrumentation.langchain", inference(100, 50, nil), "openinference.framework", buckets{100, 0, 0, 0, 0, 0, 50}, sure},
		"vercel":                  {"gen_ai", semconv("anthropic", 100, 50, 30, 20), "vercel.otel", buckets{50, 30, 20, 0, 0, 0, 50}, life | ledger.FlagTierUnknown},
		"vercel legacy": {"ai", attrs{"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "openai.chat", "ai.model.id": "m",
			"ai.usage.inputTokens": 100, "ai.usage.outputTokens": 50, "ai.usage.inputTokenDetails.cacheReadTokens": 30, "ai.usage.outputTokenDetails.reasoningTokens": 20},
			"vercel.legacy.details", buckets{70, 30, 0, 0, 0, 0, 30, 20}, ledger.FlagTierUnknown},
		"vercel legacy, lives and tier in the metadata": {"ai", attrs{"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages",
			"ai.usage.inputTokens": 100, "ai.usage.outputTokens": 50, "ai.usage.inputTokenDetails.cacheReadTokens": 30, "ai.usage.inputTokenDetails.cacheWriteTokens": 20,
			"ai.response.providerMetadata": `{"anthropic":{"usage":{"service_tier":"standard","cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":15}}}}`},
			"vercel.legacy.details", buckets{50, 30, 5, 15, 0, 0, 50}, sure},
		"vercel before the details, anthropic": {"ai", attrs{"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages",
			"ai.usage.promptTokens": 10, "ai.usage.completionTokens": 50, "ai.usage.cachedInputTokens": 30}, "vercel.legacy", buckets{10, 30, 0, 0, 0, 0, 50}, sure},
		"genkit":  {"genkit-tracer", semconv("gcp.gemini", 100, 50, 30, 0), "genkit", buckets{100, 30, 0, 0, 0, 0, 50}, sure},
		"litellm": {"litellm", previous("openai", 100, 50, 0, 0), "litellm", buckets{100, 0, 0, 0, 0, 0, 50}, ledger.FlagAudioUnknown},
		"litellm with the provider's usage": {"litellm", pairs{"metadata.usage_object": "{'prompt_tokens': 100, 'completion_tokens_details': {'audio_tokens': 7, 'reasoning_tokens': 20}, " +
			"'prompt_tokens_details': {'audio_tokens': 10, 'cached_tokens': 30, 'image_tokens': None, 'cache_creation_tokens': 20, 'cache_creation_token_details': {'ephemeral_5m_input_tokens': 5, 'ephemeral_1h_input_tokens': 15}}}",
			"gen_ai.system": "", "litellm.provider.model": "openai/gpt-audio"}.over(attrs{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 50}), "litellm",
			buckets{50, 30, 5, 15, 0, 0, 23, 20, 7}, ledger.FlagAudioUnknown},
		"litellm with a spoilt usage": {"litellm", pairs{"metadata.usage_object": "{'prompt_tokens_details': {'cached_tokens': many, 'audio_tokens': -1"}.over(previous("openai", 100, 50, 0, 0)),
			"litellm", buckets{100, 0, 0, 0, 0, 0, 50}, sure},
		"anthropic's sdk": {"com.anthropic.sdk.python@2.12.0", pairs{"anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 5, "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 15}.over(semconv("anthropic", 100, 50, 30, 20)), "anthropic.sdk", buckets{50, 30, 5, 15, 0, 0, 50}, sure},
		"botocore":        {"opentelemetry.instrumentation.botocore.bedrock-runtime", semconv("aws.bedrock", 100, 50, 0, 0), "otel.botocore", buckets{100, 0, 0, 0, 0, 0, 50}, sure},
	} {
		t.Run(name, func(t *testing.T) {
			got, out := read(t, c.scope, c.attrs)
			require.Equal(t, Call, out)
			require.Empty(t, got.Unpriced)
			require.Equal(t, c.rule, got.Rule)
			require.Equal(t, c.want, got.Usage.Tokens)
			mask := ledger.FlagsUntold | ledger.FlagContradiction | ledger.FlagBadCount
			require.Equal(t, c.flags.String(), (got.Flags & mask).String())
		})
	}
}

// Searches at the provider are billed apart. By hand from the providers' API references and the emitters' recordings: no mock
// server searches.
func TestSearches(t *testing.T) {
	inference := func(in, out int, more pairs) attrs {
		return more.over(attrs{"openinference.span.kind": "LLM", "llm.token_count.prompt": in, "llm.token_count.completion": out})
	}
	usage := `"usage":{"input_tokens":100,"output_tokens":50,"server_tool_use":{"web_search_requests":3}}`
	for name, c := range map[string]struct {
		scope    string
		attrs    attrs
		searches int64
		flags    ledger.Flags
	}{
		"openinference anthropic": {"openinference.instrumentation.anthropic", inference(100, 50, pairs{"output.value": `{"id":"msg_1",` + usage + `}`}), 3, 0},
		"none":                    {"openinference.instrumentation.anthropic", inference(100, 50, pairs{"output.value": `{"usage":{"server_tool_use":null}}`}), 0, 0},
		"a negative count":        {"openinference.instrumentation.anthropic", inference(100, 50, pairs{"output.value": `{"usage":{"server_tool_use":{"web_search_requests":-3}}}`}), 0, 0},
		"vercel": {"ai", attrs{"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages", "ai.usage.inputTokens": 100,
			"ai.usage.outputTokens": 50, "ai.usage.inputTokenDetails.cacheReadTokens": 0, "ai.response.providerMetadata": `{"anthropic":{` + usage + `}}`}, 3, 0},
		"litellm": {"litellm", pairs{"metadata.usage_object": "{'prompt_tokens': 100, 'server_tool_use': {'web_search_requests': 3}}"}.over(attrs{"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic",
			"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 50}), 3, 0},
		"langfuse": {"langfuse-sdk", attrs{"langfuse.observation.type": "generation", "langfuse.observation.model.name": "claude-haiku-4-5",
			"langfuse.observation.usage_details": `{"input":100,"output":50,"server_tool_use":{"web_search_requests":3}}`}, 3, 0},
		"offered, and nobody counts": {"openinference.instrumentation.openai", inference(100, 50, pairs{"llm.invocation_parameters": `{"tools":[{"type":"web_search"}]}`}), 0, ledger.FlagEstimated},
	} {
		got, out := read(t, c.scope, c.attrs)
		require.Equal(t, Call, out, name)
		require.Empty(t, got.Unpriced, name)
		require.Equal(t, c.searches, got.Usage.Units[ledger.UnitSearch], name)
		require.Equal(t, c.flags, got.Flags&ledger.FlagEstimated, name)
		raw, told := got.Raw.Get(ledger.RawSearches)
		require.Equal(t, c.searches > 0, told, name)
		require.Equal(t, c.searches, raw, name)
	}
}

// What isn't billed in tokens is read from those who count it; by hand from their sources (testdata/keys.yaml). Where there are
// tokens, they bill; a refused request used nothing.
func TestUnits(t *testing.T) {
	for name, c := range map[string]struct {
		scope    string
		attrs    attrs
		unit     ledger.Unit
		count    int64
		unpriced string
		flags    ledger.Flags
	}{
		"images of LangWatch's gateway": {"langwatch-gateway", attrs{"gen_ai.operation.name": "image_generation", "gen_ai.request.model": "m", "gen_ai.usage.image_count": 4.0}, ledger.UnitImage, 4, "", 0},
		"audio of LangWatch's gateway":  {"langwatch-gateway", attrs{"gen_ai.operation.name": "transcription", "gen_ai.request.model": "whisper-1", "gen_ai.usage.audio_seconds": 2.5}, ledger.UnitMilli, 2500, "", 0},
		"OpenLIT's AssemblyAI": {"openlit.instrumentation.assemblyai", attrs{"gen_ai.operation.name": "audio", "gen_ai.request.model": "best", "gen_ai.request.audio_duration": 42,
			"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}, ledger.UnitMilli, 42_000, "", 0},
		"OCR of Microsoft.Extensions.AI": {"Experimental.Microsoft.Extensions.AI", attrs{"gen_ai.request.model": "mistral-ocr", "gen_ai.usage.pages_processed": 3}, ledger.UnitPage, 3, "", 0},
		"tokens bill":                    {"langwatch-gateway", attrs{"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 4000, "gen_ai.usage.image_count": 4}, ledger.UnitImage, 0, "", 0},
		"none":                           {"langwatch-gateway", attrs{"gen_ai.operation.name": "image_generation", "gen_ai.usage.image_count": 0}, ledger.UnitImage, 0, ledger.UnpricedUsage, 0},
		"less than none":                 {"langwatch-gateway", attrs{"gen_ai.operation.name": "image_generation", "gen_ai.usage.image_count": -1}, ledger.UnitImage, 0, ledger.UnpricedUsage, ledger.FlagBadCount},
		"no time at all":                 {"langwatch-gateway", attrs{"gen_ai.operation.name": "transcription", "gen_ai.usage.audio_seconds": math.NaN()}, ledger.UnitMilli, 0, ledger.UnpricedUsage, ledger.FlagBadCount},
		"as a text":                      {"langwatch-gateway", attrs{"gen_ai.operation.name": "transcription", "gen_ai.usage.audio_seconds": "60"}, ledger.UnitMilli, 60_000, "", 0},
		"more than can be":               {"langwatch-gateway", attrs{"gen_ai.operation.name": "transcription", "gen_ai.usage.audio_seconds": 1 << 52}, ledger.UnitMilli, 0, ledger.UnpricedUsage, ledger.FlagBadCount},
		"refused":                        {"langwatch-gateway", attrs{"gen_ai.operation.name": "image_generation", "gen_ai.usage.image_count": 1, "error.type": "BadRequestError"}, ledger.UnitImage, 0, "", 0},
	} {
		got, out := read(t, c.scope, c.attrs)
		require.Equal(t, Call, out, name)
		require.Equal(t, c.count, got.Usage.Units[c.unit], name)
		require.Equal(t, c.unpriced, got.Unpriced, name)
		require.Equal(t, c.flags, got.Flags&(ledger.FlagBadCount|ledger.FlagEstimated), name)
	}
}

func TestCounts(t *testing.T) {
	for name, c := range map[string]struct {
		in, out  any
		unpriced string
		flags    ledger.Flags
		want     int64
	}{
		"int":                 {10, 5, "", 0, 10},
		"text":                {"10", "5", "", 0, 10},
		"whole double":        {10.0, 5.0, "", 0, 10},
		"largest":             {int64(1 << 53), 5, "", 0, 1 << 53},
		"negative":            {-10, 5, ledger.UnpricedBadUsage, ledger.FlagBadCount, 0},
		"huge":                {int64(1<<53 + 1), 5, ledger.UnpricedBadUsage, ledger.FlagBadCount, 0},
		"huge double":         {1e300, 5, ledger.UnpricedBadUsage, ledger.FlagBadCount, 0},
		"fraction":            {10.5, 5, ledger.UnpricedBadUsage, ledger.FlagBadCount, 0},
		"not a number":        {math.NaN(), 5, ledger.UnpricedBadUsage, ledger.FlagBadCount, 0},
		"words":               {"ten", 5, ledger.UnpricedBadUsage, ledger.FlagBadCount, 0},
		"signed text":         {"+10", 5, ledger.UnpricedBadUsage, ledger.FlagBadCount, 0},
		"text with exponent":  {"1e3", 5, ledger.UnpricedBadUsage, ledger.FlagBadCount, 0},
		"long text":           {"00000000000000000010", 5, ledger.UnpricedBadUsage, ledger.FlagBadCount, 0},
		"bool":                {true, 5, ledger.UnpricedBadUsage, ledger.FlagBadCount, 0},
		"list":                {[]any{1}, 5, ledger.UnpricedBadUsage, ledger.FlagBadCount, 0},
		"empty text, as None": {"", 5, "", 0, 0},
		"both None":           {"", "", ledger.UnpricedUsage, 0, 0},
		"zeros":               {0, 0, ledger.UnpricedUsage, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, out := read(t, "app", pairs{"gen_ai.usage.input_tokens": c.in, "gen_ai.usage.output_tokens": c.out}.over(chat))
			require.Equal(t, Call, out)
			require.Equal(t, c.unpriced, got.Unpriced)
			require.Equal(t, c.flags, got.Flags&(ledger.FlagBadCount|ledger.FlagContradiction))
			require.Equal(t, c.want, got.Usage.Tokens[ledger.FreshInput])
			if c.unpriced != "" {
				require.True(t, got.Usage.Zero())
			}
		})
	}
	c, _ := read(t, "app", pairs{"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.total_tokens": "many"}.over(chat))
	require.Empty(t, c.Unpriced, "a total bills nothing")
	require.NotZero(t, c.Flags&ledger.FlagBadCount)
	c, _ = read(t, "app", pairs{"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.audio.input_tokens": 11}.over(chat))
	require.Equal(t, ledger.UnpricedBadUsage, c.Unpriced, "more audio than input")
	require.NotZero(t, c.Flags&ledger.FlagContradiction)
	raw, ok := c.Raw.Get(ledger.RawAudioInput)
	require.True(t, ok, "the raw counts are kept")
	require.Equal(t, int64(11), raw)
}

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

// Whatever a span says: no panic; no negative count; and where the counts are believed, every token of the input and of the
// output is in exactly one bucket.
func TestBucketsAreDisjoint(t *testing.T) {
	scopes := []string{"app", "ai", "gen_ai", "litellm", "genkit-tracer", "openinference.instrumentation.bedrock",
		"opentelemetry.instrumentation.bedrock", "opentelemetry.instrumentation.vertexai", "com.anthropic.sdk.python"}
	rapid.Check(t, func(t *rapid.T) {
		a := attrs{}
		for _, k := range keys {
			if !rapid.Bool().Draw(t, "has") {
				continue
			}
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
				a[k.name] = rapid.Int64().Draw(t, "any")
			case 1:
				a[k.name] = rapid.String().Draw(t, "text")
			case 2:
				a[k.name] = rapid.Float64().Draw(t, "double")
			default:
				a[k.name] = rapid.Int64Range(0, 1000).Draw(t, "count")
			}
		}
		if rapid.Bool().Draw(t, "leaf") {
			for _, k := range keys {
				if markerFields&(1<<k.field) != 0 {
					delete(a, k.name)
				}
			}
			a["gen_ai.operation.name"] = "chat"
		}
		c, out := read(t, rapid.SampledFrom(scopes).Draw(t, "scope"), a)
		if out != Call {
			return
		}
		for _, n := range c.Usage.Tokens {
			require.GreaterOrEqual(t, n, int64(0))
		}
		if c.Unpriced != "" {
			require.True(t, c.Usage.Zero())
			return
		}
		in, _ := c.Raw.Get(ledger.RawInput)
		require.GreaterOrEqual(t, c.Usage.Input(), in)
		o, _ := c.Raw.Get(ledger.RawOutput)
		require.GreaterOrEqual(t, c.Usage.Output(), o)
	})
}

// Whichever of the two counts isn't there, what is billed is only a part, and the call says so. A zero of an input counts as
// missing unless cached tokens make up for it: no answer comes from nothing.
func TestAMissingCountIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		attrs attrs
		told  bool
	}{
		"both":                    {attrs{"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}, false},
		"no output":               {attrs{"gen_ai.usage.input_tokens": 10}, true},
		"no input":                {attrs{"gen_ai.usage.output_tokens": 5}, true},
		"input None":              {attrs{"gen_ai.usage.input_tokens": "", "gen_ai.usage.output_tokens": 5}, true},
		"input 0":                 {attrs{"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 5}, true},
		"all from the cache":      {attrs{"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.cache_read.input_tokens": 40}, false},
		"embeddings, no output":   {attrs{"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 10}, false},
		"completion, no input":    {attrs{"gen_ai.operation.name": "text_completion", "gen_ai.usage.output_tokens": 5}, true},
		"speech, priced by units": {attrs{"gen_ai.operation.name": "speech", "gen_ai.usage.input_tokens": 10}, false},
	} {
		got, out := read(t, "app", pairs(c.attrs).over(chat))
		require.Equal(t, Call, out, name)
		require.Empty(t, got.Unpriced, name)
		require.Equal(t, c.told, got.Flags&ledger.FlagEstimated != 0, name)
	}
}
