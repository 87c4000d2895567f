package genai

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/ledger"
)

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
