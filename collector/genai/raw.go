package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// rawRequest is the name of the span in which LiteLLM keeps a provider's answer as it came, each part under llm.<provider>.<part>. Where
// the application has a span of its own open, LiteLLM writes a call's usage on that, and the next call's over it: then this
// is the only span that tells of the first (recordings litellm-openai/agent).
const rawRequest = "raw_gen_ai_request"

// rawUsage are the names of a provider's own usage, written as Python shows a dictionary, by who uses them: OpenAI's chat completions and
// Anthropic's messages. Other shapes aren't read.
var rawUsage = [...][]struct {
	name  string
	field field
}{
	{
		{"'prompt_tokens': ", fInput}, {"'completion_tokens': ", fOutput}, {"'total_tokens': ", fTotal}, {"'cache_write_tokens': ", fCacheWrite},
	},
	{
		{"'input_tokens': ", fInput}, {"'output_tokens': ", fOutput}, {"'cache_read_input_tokens': ", fCacheRead},
		{"'cache_creation_input_tokens': ", fCacheWrite}, {"'ephemeral_5m_input_tokens': ", fCacheWrite5m}, {"'ephemeral_1h_input_tokens': ", fCacheWrite1h},
	},
}

// collectRaw takes from a provider's answer what else is told by attributes of its own. Details of the counts are read where LiteLLM's
// own usage is (readUsageObject).
func (s *scratch) collectRaw(attrs pcommon.Map) {
	for name, v := range attrs.All() {
		rest, ok := strings.CutPrefix(name, "llm.")
		dot := strings.LastIndexByte(rest, '.')
		if !ok || dot < 0 || v.Type() != pcommon.ValueTypeStr || v.Str() == "" {
			continue
		}
		switch rest[dot+1:] {
		case "id":
			s.set(fResponseID, v)
		case "model":
			s.set(fResponseModel, v)
			s.set(fRequestModel, v)
		case "service_tier":
			s.set(fTier, v)
		case "usage":
			s.collectRawUsage(rest[:dot], v)
		}
	}
}

func (s *scratch) collectRawUsage(provider string, usage pcommon.Value) {
	text := usage.Str()
	if len(text) > maxAnswer {
		return
	}
	for i, names := range rawUsage {
		if (provider == "anthropic") != (i == 1) || !strings.Contains(text, names[0].name) {
			continue
		}
		for _, n := range names {
			_, after, ok := strings.Cut(text, n.name)
			if end := strings.IndexAny(after, ",}"); ok && end >= 0 {
				if count, ok := plainInteger(after[:end]); ok {
					s.set(n.field, pcommon.NewValueInt(count))
				}
			}
		}
		if _, tier, ok := strings.Cut(text, "'service_tier': '"); ok {
			tier, _, _ = strings.Cut(tier, "'")
			s.set(fTier, pcommon.NewValueStr(tier))
		}
		s.set(fProvider, pcommon.NewValueStr(provider))
		s.set(fOperation, pcommon.NewValueStr("chat"))
		s.set(fUsageObject, usage)
	}
}

func (s *scratch) set(f field, v pcommon.Value) {
	s.fields |= 1 << f
	s.best[f], s.value[f] = noKey, v // no attribute of its own says it
}
