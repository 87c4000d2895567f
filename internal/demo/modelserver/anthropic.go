package modelserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

type messagesRequest struct {
	Model     string          `json:"model"`
	MaxTokens int64           `json:"max_tokens"`
	Stream    bool            `json:"stream"`
	System    json.RawMessage `json:"system"`
	Messages  []struct {
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
}

type systemBlock struct {
	Text         string `json:"text"`
	CacheControl *struct {
		TTL string `json:"ttl"`
	} `json:"cache_control"`
}

// messagesUsage is Anthropic's usage object: input_tokens excludes what was read from and written to the cache.
type messagesUsage struct {
	InputTokens   int64          `json:"input_tokens"`
	CacheCreation int64          `json:"cache_creation_input_tokens"`
	CacheRead     int64          `json:"cache_read_input_tokens"`
	ByTTL         map[string]any `json:"cache_creation"`
	OutputTokens  int64          `json:"output_tokens"`
	ServiceTier   string         `json:"service_tier"`
}

func messagesUsageOf(u Usage) messagesUsage {
	return messagesUsage{
		InputTokens:   u.Input - u.CacheRead - u.CacheWrite - u.CacheWrite1h,
		CacheCreation: u.CacheWrite + u.CacheWrite1h, CacheRead: u.CacheRead, OutputTokens: u.Output,
		ByTTL: map[string]any{"ephemeral_5m_input_tokens": u.CacheWrite,
			"ephemeral_1h_input_tokens": u.CacheWrite1h},
		ServiceTier: "standard",
	}
}

func (s *Server) messages(w http.ResponseWriter, r *http.Request) {
	var req messagesRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || len(req.Messages) == 0 {
		fail(w, r, http.StatusBadRequest, "invalid_request_error", "the body is not a messages request with messages")
		return
	}
	c, ok := s.begin(w, r, req.Model)
	if !ok {
		return
	}
	u := s.cacheSystem(&c, req.System)
	for _, m := range req.Messages {
		u.Input += tokens(len(m.Content))
	}
	u.Output, _ = c.output(req.MaxTokens)
	id := fmt.Sprintf("msg_%016x%08x", dice(s.opts.Seed+1, c.tenant, c.n), c.n)
	s.bill(&c, id, u)
	message := map[string]any{"id": id, "type": "message", "role": "assistant", "model": c.model.Snapshot,
		"content": []any{}, "stop_reason": nil, "stop_sequence": nil, "usage": messagesUsageOf(u)}
	if req.Stream {
		s.streamMessage(w, r, &c, message, u)
		return
	}
	s.wait(r.Context(), &c, 1)
	message["content"] = []any{map[string]any{"type": "text", "text": text(u.Output)}}
	message["stop_reason"] = "end_turn"
	answer(w, http.StatusOK, message)
}

// cacheSystem counts the system prompt: a block marked cache_control is written to the cache at first sight and read
// from it afterwards, for five minutes or an hour as its ttl says.
func (s *Server) cacheSystem(c *call, system json.RawMessage) Usage {
	var u Usage
	var blocks []systemBlock
	if json.Unmarshal(system, &blocks) != nil {
		if len(system) > 0 {
			u.Input = tokens(len(system))
		}
		return u
	}
	for _, b := range blocks {
		n := tokens(len(b.Text))
		u.Input += n
		switch {
		case b.CacheControl == nil:
		case b.CacheControl.TTL == "1h":
			if s.prefixKnown(c.tenant, c.model.Name, b.Text, time.Hour) {
				u.CacheRead += n
			} else {
				u.CacheWrite1h += n
			}
		case s.prefixKnown(c.tenant, c.model.Name, b.Text, 5*time.Minute):
			u.CacheRead += n
		default:
			u.CacheWrite += n
		}
	}
	return u
}

// streamMessage sends the message as Anthropic's named events: the input is counted in message_start, the output in
// message_delta.
func (s *Server) streamMessage(w http.ResponseWriter, r *http.Request, c *call, message map[string]any, u Usage) {
	out := newEvents(w)
	started := u
	started.Output = 1
	message["usage"] = messagesUsageOf(started)
	s.wait(r.Context(), c, 0.3)
	out.send("message_start", map[string]any{"type": "message_start", "message": message})
	out.send("content_block_start", map[string]any{"type": "content_block_start", "index": 0,
		"content_block": map[string]any{"type": "text", "text": ""}})
	parts := pieces(text(u.Output))
	for _, p := range parts {
		s.wait(r.Context(), c, 0.7/float64(len(parts)))
		out.send("content_block_delta", map[string]any{"type": "content_block_delta", "index": 0,
			"delta": map[string]any{"type": "text_delta", "text": p}})
	}
	out.send("content_block_stop", map[string]any{"type": "content_block_stop", "index": 0})
	out.send("message_delta", map[string]any{"type": "message_delta",
		"delta": map[string]any{"stop_reason": "end_turn", "stop_sequence": nil}, "usage": messagesUsageOf(u)})
	out.send("message_stop", map[string]any{"type": "message_stop"})
}
