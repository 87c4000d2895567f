package apps

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// usage is what the answer says was consumed, in the sense of the conventions: input includes what was read from and
// written to the cache, output includes reasoning.
type usage struct {
	input, cacheRead, cacheWrite, output, reasoning int64
}

// reply is what an app learns from one call.
type reply struct {
	id, model, finish string
	usage             usage
	firstChunk        time.Duration // 0 unless streamed
}

// statusError is an answer other than 200; the code is what spans carry as error.type.
type statusError struct{ code int }

func (e statusError) Error() string { return fmt.Sprintf("the model answered %d", e.code) }

type client struct {
	http *http.Client
	base string
	key  string
}

func newClient(base, key string) *client {
	return &client{base: strings.TrimSuffix(base, "/"), key: key,
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128, IdleConnTimeout: 30 * time.Second}}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// post sends a request and hands the body of a good answer to read.
func (c *client) post(ctx context.Context, path string, body any, read func(io.Reader) error) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode request to %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("request to %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.key)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("post %s: %w", path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection is used again
		return statusError{resp.StatusCode}
	}
	if err := read(resp.Body); err != nil {
		return fmt.Errorf("answer of %s: %w", path, err)
	}
	return nil
}

func decode(into any) func(io.Reader) error {
	return func(r io.Reader) error { return json.NewDecoder(r).Decode(into) }
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// openAIUsage is the usage object of OpenAI's answers.
type openAIUsage struct {
	Prompt  int64 `json:"prompt_tokens"`
	Output  int64 `json:"completion_tokens"`
	Details struct {
		Cached int64 `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	OutputDetails struct {
		Reasoning int64 `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

func (u openAIUsage) usage() usage {
	return usage{input: u.Prompt, cacheRead: u.Details.Cached, output: u.Output, reasoning: u.OutputDetails.Reasoning}
}

// openAIChunk is an answer of chat completions, or one frame of a streamed one.
type openAIChunk struct {
	ID      string       `json:"id"`
	Model   string       `json:"model"`
	Usage   *openAIUsage `json:"usage"`
	Choices []struct {
		Finish string `json:"finish_reason"`
	} `json:"choices"`
}

func (r *reply) take(c openAIChunk) {
	r.id, r.model = c.ID, c.Model
	if c.Usage != nil {
		r.usage = c.Usage.usage()
	}
	if len(c.Choices) > 0 && c.Choices[0].Finish != "" {
		r.finish = c.Choices[0].Finish
	}
}

func (c *client) chat(ctx context.Context, t Task, messages []message) (reply, error) {
	var r reply
	body := map[string]any{"model": t.Model, "messages": messages}
	if t.Limit > 0 {
		body["max_completion_tokens"] = t.Limit
	}
	if t.Kind != KindStream {
		var answer openAIChunk
		err := c.post(ctx, "/v1/chat/completions", body, decode(&answer))
		r.take(answer)
		return r, err
	}
	body["stream"], body["stream_options"] = true, map[string]any{"include_usage": true}
	start := time.Now()
	err := c.post(ctx, "/v1/chat/completions", body, func(in io.Reader) error {
		return eachEvent(in, func(data []byte) error {
			var frame openAIChunk
			if err := json.Unmarshal(data, &frame); err != nil {
				return err
			}
			if r.firstChunk == 0 {
				r.firstChunk = time.Since(start)
			}
			r.take(frame)
			return nil
		})
	})
	return r, err
}

func (c *client) embed(ctx context.Context, t Task, texts []string) (reply, error) {
	var answer openAIChunk
	err := c.post(ctx, "/v1/embeddings", map[string]any{"model": t.Model, "input": texts}, decode(&answer))
	var r reply
	r.take(answer)
	return r, err
}

// anthropicUsage is the usage object of Anthropic's answers: input excludes the cache.
type anthropicUsage struct {
	Input      int64 `json:"input_tokens"`
	CacheWrite int64 `json:"cache_creation_input_tokens"`
	CacheRead  int64 `json:"cache_read_input_tokens"`
	Output     int64 `json:"output_tokens"`
}

func (u anthropicUsage) usage() usage {
	return usage{input: u.Input + u.CacheRead + u.CacheWrite, cacheRead: u.CacheRead, cacheWrite: u.CacheWrite, output: u.Output}
}

type anthropicMessage struct {
	ID    string         `json:"id"`
	Model string         `json:"model"`
	Stop  string         `json:"stop_reason"`
	Usage anthropicUsage `json:"usage"`
}

func (c *client) messages(ctx context.Context, t Task, system, user string) (reply, error) {
	var r reply
	body := map[string]any{
		"model": t.Model, "max_tokens": t.Limit, "messages": []message{{"user", user}},
		"system": []any{map[string]any{"type": "text", "text": system, "cache_control": map[string]any{"type": "ephemeral"}}},
	}
	if !t.Stream {
		var answer anthropicMessage
		err := c.post(ctx, "/v1/messages", body, decode(&answer))
		return reply{id: answer.ID, model: answer.Model, finish: answer.Stop, usage: answer.Usage.usage()}, err
	}
	body["stream"] = true
	start := time.Now()
	err := c.post(ctx, "/v1/messages", body, func(in io.Reader) error {
		return eachEvent(in, func(data []byte) error {
			var event struct {
				Type    string           `json:"type"`
				Message anthropicMessage `json:"message"`
				Usage   anthropicUsage   `json:"usage"`
				Delta   struct {
					Stop string `json:"stop_reason"`
				} `json:"delta"`
			}
			if err := json.Unmarshal(data, &event); err != nil {
				return err
			}
			switch event.Type {
			case "message_start":
				r.id, r.model, r.firstChunk = event.Message.ID, event.Message.Model, time.Since(start)
			case "message_delta":
				r.finish, r.usage = event.Delta.Stop, event.Usage.usage()
			}
			return nil
		})
	})
	return r, err
}

// eachEvent calls f with the data of every server-sent event until the stream ends or says [DONE].
func eachEvent(in io.Reader, f func(data []byte) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), 1<<20)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok {
			continue
		}
		if string(data) == "[DONE]" {
			_, _ = io.Copy(io.Discard, in)
			return nil
		}
		if err := f(data); err != nil {
			return err
		}
	}
	return lines.Err()
}
