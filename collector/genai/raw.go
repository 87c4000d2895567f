package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// rawRequest is the name of the span in which LiteLLM keeps a provider's answer as it came, each part under llm.<provider>.<part>. Where
// the application has a span of its own open, LiteLLM writes a call's usage on that, and the next call's over it: then this
// is the only span that tells of the first (recordings litellm-openai/agent, litellm-gemini/agent-generate).
const rawRequest = "raw_gen_ai_request"

// counted is a name in a provider's usage and what it counts.
type counted struct {
	name  string
	field field
}

// The names of a provider's own usage, written as Python shows a dictionary, by who uses them: OpenAI's chat completions, Anthropic's
// messages, Bedrock's Converse (which doesn't tell the model: such a call is unpriced), Google's generateContent. Other shapes aren't read.
var (
	openAICounts = []counted{
		{"'prompt_tokens': ", fInput}, {"'completion_tokens': ", fOutput}, {"'total_tokens': ", fTotal}, {"'cache_write_tokens': ", fCacheWrite},
	}
	anthropicCounts = []counted{
		{"'input_tokens': ", fInput}, {"'output_tokens': ", fOutput}, {"'cache_read_input_tokens': ", fCacheRead},
		{"'cache_creation_input_tokens': ", fCacheWrite}, {"'ephemeral_5m_input_tokens': ", fCacheWrite5m}, {"'ephemeral_1h_input_tokens': ", fCacheWrite1h},
	}
	converseCounts = []counted{
		{"'inputTokens': ", fInput}, {"'outputTokens': ", fOutput}, {"'totalTokens': ", fTotal}, {"'cacheReadInputTokens': ", fCacheRead},
		{"'cacheWriteInputTokens': ", fCacheWrite}, {"{'ttl': '5m', 'inputTokens': ", fCacheWrite5m}, {"{'ttl': '1h', 'inputTokens': ", fCacheWrite1h},
	}
	googleCounts = []counted{
		{"'promptTokenCount': ", fInput}, {"'candidatesTokenCount': ", fOutput}, {"'totalTokenCount': ", fTotal},
		{"'cachedContentTokenCount': ", fCacheRead}, {"'thoughtsTokenCount': ", fReasoning},
	}
	// googleAudio are the lists in which Google counts by modality.
	googleAudio = []counted{
		{"'promptTokensDetails': [", fAudioInput}, {"'candidatesTokensDetails': [", fAudioOutput}, {"'cacheTokensDetails': [", fAudioCached},
	}
)

// collectRaw takes from a provider's answer what else is told by attributes of its own. Details of the counts are read where LiteLLM's
// own usage is (readUsageObject).
func (s *scratch) collectRaw(attrs pcommon.Map) {
	for name, v := range attrs.All() {
		rest, ok := strings.CutPrefix(name, "llm.")
		dot := strings.LastIndexByte(rest, '.')
		if !ok || dot < 0 || v.Type() != pcommon.ValueTypeStr || v.Str() == "" {
			continue
		}
		provider := rest[:dot]
		switch rest[dot+1:] {
		case "id", "responseId":
			s.add(fResponseID, v)
		case "model", "modelVersion":
			s.add(fResponseModel, v)
			s.add(fRequestModel, v)
		case "service_tier":
			s.add(fTier, v)
		case "usage":
			switch provider {
			case "anthropic":
				s.collectRawUsage(provider, v, anthropicCounts)
			case "bedrock":
				s.collectRawUsage(provider, v, converseCounts)
			default:
				s.collectRawUsage(provider, v, openAICounts)
			}
		case "usageMetadata":
			s.collectRawUsage(provider, v, googleCounts)
			s.collectGoogleAudio(v.Str())
		}
	}
}

// collectRawUsage takes the counts, if the first, the input's, is there.
func (s *scratch) collectRawUsage(provider string, usage pcommon.Value, counts []counted) {
	text := usage.Str()
	if len(text) > maxAnswer || !strings.Contains(text, counts[0].name) {
		return
	}
	for _, n := range counts {
		s.setCount(n.field, text, n.name)
	}
	if _, tier, ok := strings.Cut(text, "'service_tier': '"); ok {
		tier, _, _ = strings.Cut(tier, "'")
		s.add(fTier, pcommon.NewValueStr(tier))
	}
	s.add(fProvider, pcommon.NewValueStr(provider))
	s.add(fOperation, pcommon.NewValueStr("chat"))
	s.add(fUsageObject, usage)
}

// collectGoogleAudio takes the audio tokens out of the lists by modality.
func (s *scratch) collectGoogleAudio(text string) {
	for _, list := range googleAudio {
		if _, rest, ok := strings.Cut(text, list.name); ok && len(text) <= maxAnswer {
			rest, _, _ = strings.Cut(rest, "]")
			s.setCount(list.field, rest, "{'modality': 'AUDIO', 'tokenCount': ")
		}
	}
}

// setCount sets a field to the plain number behind a name, if there is one.
func (s *scratch) setCount(f field, text, name string) {
	_, after, ok := strings.Cut(text, name)
	if end := strings.IndexAny(after, ",}"); ok && end >= 0 {
		if count, ok := plainInteger(after[:end]); ok {
			s.add(f, pcommon.NewValueInt(count))
		}
	}
}
