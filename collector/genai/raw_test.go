package genai

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// A provider's own answer as LiteLLM keeps it, by the shape of each API; what the recordings litellm-* don't hold is here.
func TestRawAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		attrs    attrs
		provider string
		rule     string
		usage    map[ledger.Bucket]int64
		flags    ledger.Flags
	}{
		"Google, audio, some of it cached, and thoughts beside the candidates": {attrs{
			"llm.vertex_ai.usageMetadata": "{'promptTokenCount': 1000, 'candidatesTokenCount': 40, 'totalTokenCount': 1100, 'thoughtsTokenCount': 60, 'cachedContentTokenCount': 500, " +
				"'promptTokensDetails': [{'modality': 'TEXT', 'tokenCount': 200}, {'modality': 'AUDIO', 'tokenCount': 800}], 'cacheTokensDetails': [{'modality': 'AUDIO', 'tokenCount': 450}, {'modality': 'TEXT', 'tokenCount': 50}]}",
			"llm.vertex_ai.modelVersion": "gemini-2.5-flash", "llm.vertex_ai.responseId": "r1",
		}, "gcp.vertex_ai", "litellm.raw.google", map[ledger.Bucket]int64{ledger.FreshInput: 150, ledger.AudioInput: 350, ledger.CacheRead: 500, ledger.TextOutput: 40, ledger.Reasoning: 60}, 0},
		"Google, nothing but text": {attrs{
			"llm.gemini.usageMetadata": "{'promptTokenCount': 10, 'candidatesTokenCount': 4}", "llm.gemini.modelVersion": "gemini-2.5-flash",
		}, "gcp.gemini", "litellm.raw.google", map[ledger.Bucket]int64{ledger.FreshInput: 10, ledger.TextOutput: 4}, 0},
		"Converse, writes of both lives": {attrs{
			"llm.bedrock.usage": "{'inputTokens': 25, 'outputTokens': 90, 'totalTokens': 2815, 'cacheReadInputTokens': 600, 'cacheWriteInputTokens': 2100, " +
				"'cacheDetails': [{'ttl': '5m', 'inputTokens': 1500}, {'ttl': '1h', 'inputTokens': 600}]}",
		}, "aws.bedrock", "litellm.raw.bedrock", map[ledger.Bucket]int64{ledger.FreshInput: 25, ledger.CacheRead: 600, ledger.CacheWrite5m: 1500, ledger.CacheWrite1h: 600, ledger.TextOutput: 90}, 0},
		"Converse, parts that don't add up": {attrs{
			"llm.bedrock.usage": "{'inputTokens': 25, 'outputTokens': 90, 'cacheWriteInputTokens': 2100, 'cacheDetails': [{'ttl': '5m', 'inputTokens': 1500}, {'ttl': '1h', 'inputTokens': 601}]}",
		}, "aws.bedrock", "litellm.raw.bedrock", nil, ledger.FlagContradiction},
		"a shape of nobody's": {attrs{"llm.gemini.usage": "{'tokens': 5}", "gen_ai.operation.name": "chat"}, "", "litellm.raw", nil, 0},
	} {
		got, out := read(t, "litellm", c.attrs, func(s ptrace.Span) { s.SetName(rawRequest) })
		require.Equal(t, Call, out, name)
		require.Equal(t, [2]string{c.provider, c.rule}, [2]string{got.Provider, got.Rule}, name)
		var want ledger.Usage
		for b, n := range c.usage {
			want.Tokens[b] = n
		}
		require.Equal(t, want, got.Usage, name)
		require.Equal(t, c.flags, got.Flags&(ledger.FlagContradiction|ledger.FlagBadCount|ledger.FlagsUntold), name)
	}
}
