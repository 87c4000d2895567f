package modelserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// OpenAI caches prompt prefixes of at least 1,024 tokens, in steps of 128 (platform.openai.com/docs/guides/prompt-caching).
const (
	cacheFrom = 1024
	cacheStep = 128
	cacheLife = 10 * time.Minute
)

type chatRequest struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	Stream        bool `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	MaxTokens           int64 `json:"max_tokens"`
	MaxCompletionTokens int64 `json:"max_completion_tokens"`
}

// chatUsage is the usage object of chat completions and embeddings.
type chatUsage struct {
	PromptTokens     int64             `json:"prompt_tokens"`
	CompletionTokens int64             `json:"completion_tokens"`
	TotalTokens      int64             `json:"total_tokens"`
	PromptDetails    promptDetails     `json:"prompt_tokens_details"`
	CompletionDetail completionDetails `json:"completion_tokens_details"`
}

type promptDetails struct {
	CachedTokens int64 `json:"cached_tokens"`
	AudioTokens  int64 `json:"audio_tokens"`
}

type completionDetails struct {
	ReasoningTokens int64 `json:"reasoning_tokens"`
	AudioTokens     int64 `json:"audio_tokens"`
}

func usageOf(u Usage) chatUsage {
	return chatUsage{PromptTokens: u.Input, CompletionTokens: u.Output, TotalTokens: u.Input + u.Output,
		PromptDetails: promptDetails{CachedTokens: u.CacheRead}, CompletionDetail: completionDetails{ReasoningTokens: u.Reasoning}}
}

func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	var req chatRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || len(req.Messages) == 0 {
		fail(w, r, http.StatusBadRequest, "invalid_request_error", "the body is not a chat completion request with messages")
		return
	}
	c, ok := s.begin(w, r, req.Model)
	if !ok {
		return
	}
	var prefix strings.Builder
	var u Usage
	last := len(req.Messages) - 1
	for _, m := range req.Messages[:last] {
		u.CacheRead += tokens(len(m.Content))
		prefix.Write(m.Content)
	}
	u.Input = u.CacheRead + tokens(len(req.Messages[last].Content))
	u.CacheRead -= u.CacheRead % cacheStep
	if u.CacheRead < cacheFrom || !s.prefixKnown(c.tenant, c.model.Name, prefix.String(), cacheLife) {
		u.CacheRead = 0
	}
	u.Output, u.Reasoning = c.output(max(req.MaxTokens, req.MaxCompletionTokens))
	id := fmt.Sprintf("chatcmpl-%016x%08x", dice(s.opts.Seed+1, c.tenant, c.n), c.n)
	s.bill(&c, id, u)
	if req.Stream {
		s.streamChat(w, r, &c, id, u, req.StreamOptions.IncludeUsage)
		return
	}
	s.wait(r.Context(), &c, 1)
	answer(w, http.StatusOK, map[string]any{
		"id": id, "object": "chat.completion", "created": c.start.Unix(), "model": c.model.Snapshot,
		"service_tier": "default", "usage": usageOf(u),
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "logprobs": nil,
			"message": map[string]any{"role": "assistant", "content": text(u.Output - u.Reasoning), "refusal": nil}}},
	})
}

// streamChat sends the answer as server-sent events; the usage comes in a frame of its own with no choices, and only if
// the client asked for it, exactly as the real API does.
func (s *Server) streamChat(w http.ResponseWriter, r *http.Request, c *call, id string, u Usage, withUsage bool) {
	out := newEvents(w)
	frame := func(choices []any, usage any) {
		body := map[string]any{"id": id, "object": "chat.completion.chunk", "created": c.start.Unix(),
			"model": c.model.Snapshot, "service_tier": "default", "choices": choices}
		if withUsage {
			body["usage"] = usage
		}
		out.send("", body)
	}
	delta := func(d map[string]any, finish any) []any {
		return []any{map[string]any{"index": 0, "delta": d, "finish_reason": finish}}
	}
	s.wait(r.Context(), c, 0.3)
	frame(delta(map[string]any{"role": "assistant", "content": ""}, nil), nil)
	parts := pieces(text(u.Output - u.Reasoning))
	for _, p := range parts {
		s.wait(r.Context(), c, 0.7/float64(len(parts)))
		frame(delta(map[string]any{"content": p}, nil), nil)
	}
	frame(delta(map[string]any{}, "stop"), nil)
	if withUsage {
		frame([]any{}, usageOf(u))
	}
	out.raw("data: [DONE]\n\n")
}

func (s *Server) embeddings(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Model string          `json:"model"`
		Input json.RawMessage `json:"input"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || len(req.Input) == 0 {
		fail(w, r, http.StatusBadRequest, "invalid_request_error", "the body is not an embeddings request with input")
		return
	}
	c, ok := s.begin(w, r, req.Model)
	if !ok {
		return
	}
	var texts []string
	if json.Unmarshal(req.Input, &texts) != nil {
		texts = []string{string(req.Input)}
	}
	var u Usage
	var data []any
	for i, t := range texts {
		u.Input += tokens(len(t))
		data = append(data, map[string]any{"object": "embedding", "index": i, "embedding": []float32{0.1, -0.2, 0.3}})
	}
	s.bill(&c, "", u)
	s.wait(r.Context(), &c, 0.5)
	answer(w, http.StatusOK, map[string]any{"object": "list", "data": data, "model": c.model.Snapshot,
		"usage": map[string]any{"prompt_tokens": u.Input, "total_tokens": u.Input}})
}

// tokens is how this server counts: one token for four bytes of content, and four for the frame of a message.
func tokens(bytes int) int64 { return int64(bytes+3)/4 + 4 }

// text is an answer that stands for n tokens; it is cut at 60 words, since only the count is billed.
func text(n int64) string {
	words := strings.Fields("the toll for this road is paid once and the keeper writes it down before the gate opens")
	var b strings.Builder
	for i := range min(n, 60) {
		b.WriteString(words[int(i)%len(words)])
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}

// pieces cuts a text into at most six parts.
func pieces(s string) []string {
	words := strings.SplitAfter(s, " ")
	size := (len(words) + 5) / 6
	var out []string
	for len(words) > 0 {
		n := min(size, len(words))
		out = append(out, strings.Join(words[:n], ""))
		words = words[n:]
	}
	return out
}
