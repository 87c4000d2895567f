package genai

import (
	"encoding/json"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// maxAnswer bounds the recorded answers that are searched for details, in bytes.
const maxAnswer = 256 << 10

// answer is what is read of a provider's answer, where an emitter keeps it and no attribute tells the same: never content.
type answer struct {
	ServiceTier string `json:"service_tier"`
	Usage       struct {
		ServiceTier   string         `json:"service_tier"`
		CacheCreation *cacheCreation `json:"cache_creation"`
		Tools         *serverTools   `json:"server_tool_use"`
	} `json:"usage"`
}

// cacheCreation are Anthropic's cache writes by how long the cache lives.
type cacheCreation struct {
	Minutes5 int64 `json:"ephemeral_5m_input_tokens"`
	Hour1    int64 `json:"ephemeral_1h_input_tokens"`
}

// serverTools are Anthropic's counts of what the model did at the provider and is billed apart (Messages API reference,
// usage.server_tool_use).
type serverTools struct {
	WebSearches int64 `json:"web_search_requests"`
}

// keep records the searches; a negative count is none.
func (t *serverTools) keep(c *ledger.Call) {
	if t != nil && t.WebSearches >= 0 && t.WebSearches <= maxCount {
		c.Raw.Set(ledger.RawSearches, t.WebSearches)
	}
}

// searched is in every text that tells of searches.
const searched = "web_search_requests"

// readDetails sets the service tier and looks for what only a text tells: the tier that answered, how long cache writes live,
// the parts of the counts.
func readDetails(s *scratch, rl *rule, c *ledger.Call) {
	readTier(s, rl, c)
	switch {
	case s.has(fProviderMetadata):
		readProviderMetadata(s.text(fProviderMetadata), c)
	case s.has(fUsageDetails):
		readUsageDetails(s.text(fUsageDetails), c)
		if tier := askedTier(s); tier != "" && c.ServiceTier == "" {
			c.ServiceTier = tier
			c.Flags |= ledger.FlagTierUnknown
		}
	case s.has(fUsageObject):
		readUsageObject(s.text(fUsageObject), c)
	case rl.answer:
		readAnswer(s, c)
	}
}

// readTier sets the tier that answered, or the one that was asked for, flagged.
func readTier(s *scratch, rl *rule, c *ledger.Call) {
	answered, asked := fTier, fRequestTier
	if rl.tiersSwapped {
		answered, asked = asked, answered
	}
	if c.ServiceTier = s.text(answered); c.ServiceTier == "" && s.has(asked) {
		c.ServiceTier = s.text(asked)
		c.Flags |= ledger.FlagTierUnknown
	}
}

// readAnswer reads what the recorded answer tells, if the span's other attributes leave something open.
func readAnswer(s *scratch, c *ledger.Call) {
	asked := askedTier(s)
	written, _ := s.count(fCacheWrite)
	kept := s.text(fAnswer)
	if asked == "" && written == 0 && !strings.Contains(kept, searched) {
		return
	}
	var a answer
	if len(kept) <= maxAnswer && json.Unmarshal([]byte(kept), &a) == nil {
		a.Usage.CacheCreation.keep(c)
		a.Usage.Tools.keep(c)
		if a.ServiceTier == "" {
			a.ServiceTier = a.Usage.ServiceTier
		}
	}
	switch {
	case a.ServiceTier != "":
		c.ServiceTier = a.ServiceTier
	case asked != "":
		c.ServiceTier = asked
		c.Flags |= ledger.FlagTierUnknown
	}
}

// askedTier is the service tier among the request's parameters.
func askedTier(s *scratch) string {
	p := s.text(fParameters)
	if !strings.Contains(p, "service_tier") || len(p) > maxAnswer {
		return ""
	}
	var asked struct {
		ServiceTier string `json:"service_tier"`
	}
	if json.Unmarshal([]byte(p), &asked) != nil {
		return ""
	}
	return asked.ServiceTier
}

// readProviderMetadata reads what the Vercel AI SDK passes on of a provider's own answer.
func readProviderMetadata(text string, c *ledger.Call) {
	if len(text) > maxAnswer || !(strings.Contains(text, "cache_creation\"") || strings.Contains(text, "ervice") || strings.Contains(text, searched)) {
		return
	}
	var m struct {
		Anthropic answer `json:"anthropic"`
		OpenAI    struct {
			ServiceTier string `json:"serviceTier"`
		} `json:"openai"`
	}
	if json.Unmarshal([]byte(text), &m) != nil {
		return
	}
	m.Anthropic.Usage.CacheCreation.keep(c)
	m.Anthropic.Usage.Tools.keep(c)
	for _, tier := range []string{m.OpenAI.ServiceTier, m.Anthropic.Usage.ServiceTier} {
		if c.ServiceTier == "" {
			c.ServiceTier = tier
		}
	}
}

// readUsageDetails reads Langfuse's usage, an object as JSON: either its own names, or the provider's usage as it came, with the
// details of a count flattened ("prompt_tokens_details.cached_tokens") or not.
func readUsageDetails(text string, c *ledger.Call) {
	var d map[string]json.RawMessage
	if len(text) > maxAnswer || json.Unmarshal([]byte(text), &d) != nil {
		return
	}
	keepDetails("", d, c)
}

// keepDetails records the counts that are read, those in objects under the object's name, a dot and theirs.
func keepDetails(within string, d map[string]json.RawMessage, c *ledger.Call) {
	for name, raw := range d {
		if within == "" && len(raw) > 0 && raw[0] == '{' {
			var parts map[string]json.RawMessage
			if json.Unmarshal(raw, &parts) == nil {
				keepDetails(name+".", parts, c)
			}
			continue
		}
		f, ok := usageDetails[within+name]
		if !ok || string(raw) == "null" {
			continue
		}
		n, ok := plainInteger(string(raw))
		if !ok {
			c.Flags |= ledger.FlagBadCount
			continue
		}
		c.Raw.Set(f, n)
	}
}

// usageDetails are the names in Langfuse's usage that are read.
var usageDetails = map[string]ledger.RawField{
	"input": ledger.RawInput, "prompt_tokens": ledger.RawInput, "input_tokens": ledger.RawInput,
	"output": ledger.RawOutput, "completion_tokens": ledger.RawOutput, "output_tokens": ledger.RawOutput,
	"total": ledger.RawTotal, "total_tokens": ledger.RawTotal,
	"input_cached_tokens": ledger.RawCacheRead, "cache_read_input_tokens": ledger.RawCacheRead, "input_cache_read": ledger.RawCacheRead,
	"prompt_tokens_details.cached_tokens": ledger.RawCacheRead, "input_tokens_details.cached_tokens": ledger.RawCacheRead,
	"prompt_tokens_details.cache_write_tokens": ledger.RawCacheWrite, "input_tokens_details.cache_write_tokens": ledger.RawCacheWrite,
	"cache_creation_input_tokens": ledger.RawCacheWrite, "input_cache_creation": ledger.RawCacheWrite,
	"output_reasoning_tokens": ledger.RawReasoning, "reasoning_tokens": ledger.RawReasoning,
	"completion_tokens_details.reasoning_tokens": ledger.RawReasoning, "output_tokens_details.reasoning_tokens": ledger.RawReasoning,
	"prompt_tokens_details.audio_tokens": ledger.RawAudioInput, "input_audio_tokens": ledger.RawAudioInput,
	"completion_tokens_details.audio_tokens": ledger.RawAudioOutput, "output_audio_tokens": ledger.RawAudioOutput,
	"server_tool_use.web_search_requests": ledger.RawSearches,
}

// readUsageObject reads the parts of the counts from LiteLLM's usage, which is written as Python shows a dictionary.
func readUsageObject(text string, c *ledger.Call) {
	if len(text) > maxAnswer {
		return
	}
	prompt, completion := section(text, "'prompt_tokens_details': {"), section(text, "'completion_tokens_details': {")
	tools := section(text, "'server_tool_use': {")
	for _, part := range [...]struct {
		in, name string
		raw      ledger.RawField
	}{
		{prompt, "'cached_tokens': ", ledger.RawCacheRead}, {prompt, "'cache_creation_tokens': ", ledger.RawCacheWrite},
		{prompt, "'ephemeral_5m_input_tokens': ", ledger.RawCacheWrite5m},
		{prompt, "'ephemeral_1h_input_tokens': ", ledger.RawCacheWrite1h}, {prompt, "'audio_tokens': ", ledger.RawAudioInput},
		{completion, "'audio_tokens': ", ledger.RawAudioOutput}, {completion, "'reasoning_tokens': ", ledger.RawReasoning},
		{tools, "'web_search_requests': ", ledger.RawSearches},
	} {
		_, after, ok := strings.Cut(part.in, part.name)
		if end := strings.IndexAny(after, ",}"); ok && end >= 0 {
			if n, ok := plainInteger(after[:end]); ok {
				c.Raw.Set(part.raw, n)
			}
		}
	}
}

// section is the text from after the opening to the brace that closes it, that included.
func section(text, opening string) string {
	_, rest, ok := strings.Cut(text, opening)
	if !ok {
		return ""
	}
	depth := 1
	for i := range len(rest) {
		switch rest[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return rest[:i+1]
			}
		}
	}
	return ""
}

// keep records the counts as if they had been attributes; negative ones are no counts.
func (w *cacheCreation) keep(c *ledger.Call) {
	if w == nil || w.Minutes5 < 0 || w.Hour1 < 0 || w.Minutes5 > maxCount || w.Hour1 > maxCount {
		return
	}
	c.Raw.Set(ledger.RawCacheWrite5m, w.Minutes5)
	c.Raw.Set(ledger.RawCacheWrite1h, w.Hour1)
}

// idForms are how a response id stands in an answer as JSON: OpenAI's and Anthropic's own forms, which are unique. An item of an
// answer of the responses API has an id like Anthropic's messages, so that comes last.
var idForms = [...]string{`"resp_`, `"chatcmpl-`, `"msg_`}

// answerID finds the response id in a recorded answer, empty if there is none. Text that a model wrote can't be taken for it: in
// JSON its quotes are escaped. Of long answers the two ends are searched.
func answerID(kept string) string {
	const end = 4 << 10
	if !strings.HasPrefix(kept, "{") {
		return ""
	}
	if len(kept) > 2*end {
		if id := answerID(kept[:end]); id != "" {
			return id
		}
		kept = kept[len(kept)-end:]
	}
	for _, form := range idForms {
		for rest := kept; ; {
			at := strings.Index(rest, form)
			if at < 0 {
				break
			}
			before := strings.TrimRight(rest[:at], " ")
			rest = rest[at+1:]
			length := strings.IndexByte(rest, '"')
			if strings.HasSuffix(before, `"id":`) && length >= len(form) && length <= 128 {
				return rest[:length]
			}
		}
	}
	return ""
}
