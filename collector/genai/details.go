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
	} `json:"usage"`
}

// cacheCreation are Anthropic's cache writes by how long the cache lives.
type cacheCreation struct {
	Minutes5 int64 `json:"ephemeral_5m_input_tokens"`
	Hour1    int64 `json:"ephemeral_1h_input_tokens"`
}

// readDetails looks for what only a JSON text tells: the service tier that answered, and how long cache writes live.
func readDetails(s *scratch, rl *rule, c *ledger.Call) {
	if s.has(fProviderMetadata) {
		readProviderMetadata(s.text(fProviderMetadata), c)
		return
	}
	if !rl.answer {
		return
	}
	asked := askedTier(s)
	written, _ := s.count(fCacheWrite)
	if asked == "" && written == 0 {
		return
	}
	var a answer
	if kept := s.text(fAnswer); len(kept) <= maxAnswer && json.Unmarshal([]byte(kept), &a) == nil {
		a.Usage.CacheCreation.keep(c)
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
	if len(text) > maxAnswer || !(strings.Contains(text, "cache_creation\"") || strings.Contains(text, "ervice")) {
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
	for _, tier := range []string{m.OpenAI.ServiceTier, m.Anthropic.Usage.ServiceTier} {
		if c.ServiceTier == "" {
			c.ServiceTier = tier
		}
	}
}

// keep records the counts as if they had been attributes; negative ones are no counts.
func (w *cacheCreation) keep(c *ledger.Call) {
	if w == nil || w.Minutes5 < 0 || w.Hour1 < 0 || w.Minutes5 > maxCount || w.Hour1 > maxCount {
		return
	}
	c.Raw.Set(ledger.RawCacheWrite5m, w.Minutes5)
	c.Raw.Set(ledger.RawCacheWrite1h, w.Hour1)
}
