package modelserver

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func start(t *testing.T, opts Options) (*Server, string) {
	t.Helper()
	s := New(opts)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return s, srv.URL
}

func post(t *testing.T, url, tenant, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+tenant)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}

func chatBody(model string, more string, contents ...string) string {
	var messages []map[string]string
	for _, c := range contents {
		messages = append(messages, map[string]string{"role": "user", "content": c})
	}
	b, _ := json.Marshal(messages)
	return `{"model":"` + model + `","messages":` + string(b) + more + `}`
}

// Reckoned by hand: gpt-4o at 2.50 / 1.25 / 10.00 USD per million tokens. A content of 4,400 characters is 4,402 bytes of
// JSON, 1,101 + 4 = 1,105 tokens; one of 8 characters is 10 bytes, 3 + 4 = 7.
func TestChatIsBilledToTheToken(t *testing.T) {
	s, url := start(t, Options{})
	long := strings.Repeat("a", 4400)
	body := chatBody("gpt-4o", `,"max_tokens":10`, long, "question")
	for range 2 {
		status, answer := post(t, url+"/v1/chat/completions", "acme", body)
		require.Equal(t, http.StatusOK, status, answer)
	}
	calls := s.Truth().Calls()
	require.Len(t, calls, 2)
	require.Equal(t, Usage{Input: 1112, Output: 10}, calls[0].Usage)
	require.Equal(t, "0.002880000000", calls[0].Amount.String(), "1112 × 2.5 µUSD + 10 × 10 µUSD")
	require.Equal(t, Usage{Input: 1112, CacheRead: 1024, Output: 10}, calls[1].Usage, "1105 cut to a multiple of 128")
	require.Equal(t, "0.001600000000", calls[1].Amount.String(), "88 × 2.5 + 1024 × 1.25 + 10 × 10 µUSD")
	require.Equal(t, map[string]Bill{"acme": {2, sum(t, "0.00448")}}, s.Truth().Tenants())
	require.Equal(t, "gpt-4o-2024-08-06", calls[1].Model)
}

func TestStreamTellsUsageOnlyWhenAsked(t *testing.T) {
	s, url := start(t, Options{Seed: 7})
	for _, asked := range []bool{false, true} {
		more := `,"stream":true`
		if asked {
			more += `,"stream_options":{"include_usage":true}`
		}
		_, body := post(t, url+"/v1/chat/completions", "acme", chatBody("gpt-5-mini", more, "hello"))
		require.True(t, strings.HasSuffix(body, "data: [DONE]\n\n"))
		require.Equal(t, asked, strings.Contains(body, `"prompt_tokens"`))
		if asked {
			var last struct {
				Choices []any     `json:"choices"`
				Usage   chatUsage `json:"usage"`
			}
			frames := frames(body)
			require.NoError(t, json.Unmarshal([]byte(frames[len(frames)-2]), &last))
			calls := s.Truth().Calls()
			require.Empty(t, last.Choices)
			require.Equal(t, usageOf(calls[len(calls)-1].Usage), last.Usage)
			require.Positive(t, last.Usage.CompletionDetail.ReasoningTokens)
		}
	}
	require.Equal(t, int64(2), s.Truth().Total().Calls, "a stream without a usage frame is billed all the same")
}

// claude-sonnet-4-5: 3.00 input, 3.75 written for 5 minutes, 6.00 for an hour, 0.30 read, 15.00 output per million.
func TestMessagesWriteThenReadTheCache(t *testing.T) {
	s, url := start(t, Options{})
	system := strings.Repeat("s", 4000) // 1,004 tokens
	for _, c := range []struct {
		ttl    string
		usage  Usage
		amount string
	}{
		{"5m", Usage{Input: 1011, CacheWrite: 1004, Output: 10}, "0.003936000000"},
		{"5m", Usage{Input: 1011, CacheRead: 1004, Output: 10}, "0.000472200000"},
		{"1h", Usage{Input: 1011, CacheRead: 1004, Output: 10}, "0.000472200000"},
	} {
		status, body := post(t, url+"/v1/messages", "hooli", `{"model":"claude-sonnet-4-5","max_tokens":10,"messages":[{"role":"user",`+
			`"content":"question"}],"system":[{"type":"text","text":"`+system+`","cache_control":{"type":"ephemeral","ttl":"`+c.ttl+`"}}]}`)
		require.Equal(t, http.StatusOK, status, body)
		calls := s.Truth().Calls()
		got := calls[len(calls)-1]
		require.Equal(t, c.usage, got.Usage)
		require.Equal(t, c.amount, got.Amount.String())
		require.Contains(t, body, `"input_tokens":7`, "Anthropic's input excludes the cache")
	}
	require.Equal(t, ledger.Money(6_000_000), s.models["claude-sonnet-4-5"].Price.CacheWrite1h)
}

func TestStreamedMessageEndsWithTheUsage(t *testing.T) {
	s, url := start(t, Options{})
	_, body := post(t, url+"/v1/messages", "hooli", `{"model":"claude-haiku-4-5","max_tokens":20,"stream":true,`+
		`"messages":[{"role":"user","content":"question"}]}`)
	require.Contains(t, body, "event: message_start\n")
	require.Contains(t, body, `"output_tokens":20`)
	require.True(t, strings.Contains(body, "event: message_stop\n"))
	require.Equal(t, Usage{Input: 7, Output: 20}, s.Truth().Calls()[0].Usage)
}

func TestEmbeddingsBillEveryText(t *testing.T) {
	s, url := start(t, Options{})
	status, body := post(t, url+"/v1/embeddings", "globex", `{"model":"text-embedding-3-small","input":["12345678","1234"]}`)
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, body, `"prompt_tokens":11`)
	require.Equal(t, "0.000000220000", s.Truth().Total().Amount.String(), "11 tokens at 0.02 USD per million")
}

func TestFaultsAreNotBilled(t *testing.T) {
	s, url := start(t, Options{TooManyPerMille: 300, FailedPerMille: 300})
	seen := map[int]int64{}
	for range 60 {
		status, _ := post(t, url+"/v1/chat/completions", "acme", chatBody("gpt-4o", "", "hello"))
		seen[status]++
	}
	require.Positive(t, seen[http.StatusTooManyRequests])
	require.Positive(t, seen[http.StatusInternalServerError])
	require.Equal(t, seen[http.StatusOK], s.Truth().Total().Calls)
}

func TestBadRequests(t *testing.T) {
	s, url := start(t, Options{})
	for path, c := range map[string]struct {
		body   string
		status int
	}{
		"/v1/chat/completions": {`{"model":"gpt-4o"`, http.StatusBadRequest},
		"/v1/embeddings":       {`{}`, http.StatusBadRequest},
		"/v1/messages":         {`{"model":"nobody-1","messages":[{"role":"user","content":"x"}]}`, http.StatusNotFound},
	} {
		status, body := post(t, url+path, "acme", c.body)
		require.Equal(t, c.status, status, path)
		require.True(t, json.Valid([]byte(body)))
	}
	require.Zero(t, s.Truth().Total().Calls)
}

func TestTheSameSeedBillsTheSame(t *testing.T) {
	bill := func(seed uint64) Bill {
		s, url := start(t, Options{Seed: seed, FailedPerMille: 100})
		for range 20 {
			post(t, url+"/v1/chat/completions", "acme", chatBody("gpt-5", "", "hello"))
		}
		return s.Truth().Total()
	}
	require.Equal(t, bill(1), bill(1))
	require.NotEqual(t, bill(1), bill(2))
}

func sum(t *testing.T, s string) ledger.Sum {
	t.Helper()
	v, err := ledger.ParseSum(s)
	require.NoError(t, err)
	return v
}

func frames(body string) []string {
	var out []string
	lines := bufio.NewScanner(bytes.NewReader([]byte(body)))
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			out = append(out, data)
		}
	}
	return out
}
