package accuracy_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// matrix is what must be recorded of the instrumentations that most people use: for each column the case that shows it, or after
// "no:" why there is none.
var matrix = map[string]map[string]string{
	"otel-openai-v2": {"plain": "chat", "cached": "chat-cached", "reasoning": "chat-reasoning", "tools": "chat-tools", "stream": "chat-stream",
		"stream without usage": "chat-stream-no-usage", "error": "chat-rate-limited", "embeddings": "embeddings", "agent": "agent"},
	"otel-genai-openai": {"plain": "chat", "cached": "chat-cached", "reasoning": "chat-reasoning", "tools": "chat-tools", "stream": "chat-stream",
		"stream without usage": "chat-stream-no-usage", "error": "chat-rate-limited", "embeddings": "embeddings", "agent": "no: an agent span above it is the program's own, as in otel-openai-v2"},
	"openllmetry-openai": {"plain": "chat", "cached": "chat-cached", "reasoning": "chat-reasoning", "tools": "chat-tools", "stream": "chat-stream",
		"stream without usage": "chat-stream-no-usage", "error": "chat-server-error", "embeddings": "embeddings", "agent": "../openllmetry-workflow/agent"},
	"openllmetry-anthropic": {"plain": "messages", "cached": "messages-cache-read", "reasoning": "messages-thinking", "tools": "messages-tools", "stream": "messages-stream",
		"stream without usage": "no: Anthropic's streams always tell usage", "error": "messages-overloaded", "embeddings": "no: Anthropic has none", "agent": "../openllmetry-workflow/agent-messages"},
	"openinference-openai": {"plain": "chat", "cached": "chat-cached", "reasoning": "chat-reasoning", "tools": "chat-tools", "stream": "chat-stream",
		"stream without usage": "chat-stream-no-usage", "error": "chat-rate-limited", "embeddings": "embeddings", "agent": "agent"},
	"vercel-openai": {"plain": "chat", "cached": "chat-cached", "reasoning": "chat-reasoning", "tools": "chat-tools", "stream": "chat-stream",
		"stream without usage": "chat-stream-abandoned", "error": "chat-rate-limited", "embeddings": "embeddings", "agent": "agent"},
	"vercel-anthropic": {"plain": "messages", "cached": "messages-cache-read", "reasoning": "messages-thinking", "tools": "messages-tools", "stream": "messages-stream",
		"stream without usage": "no: Anthropic's streams always tell usage", "error": "messages-overloaded", "embeddings": "no: Anthropic has none", "agent": "agent-messages"},
	"litellm-openai": {"plain": "chat", "cached": "chat-cached", "reasoning": "chat-reasoning", "tools": "chat-tools", "stream": "chat-stream",
		"stream without usage": "chat-stream-no-usage", "error": "chat-rate-limited", "embeddings": "embeddings", "agent": "agent"},
	"litellm-anthropic": {"plain": "messages", "cached": "messages-cache-read", "reasoning": "messages-thinking", "tools": "messages-tools", "stream": "messages-stream",
		"stream without usage": "no: Anthropic's streams always tell usage", "error": "messages-overloaded", "embeddings": "no: Anthropic has none", "agent": "no: as litellm-openai/agent"},
}

func TestTheMatrixIsRecorded(t *testing.T) {
	for emitter, columns := range matrix {
		require.Len(t, columns, 9, emitter)
		for column, name := range columns {
			if len(name) > 3 && name[:3] == "no:" {
				continue
			}
			for _, end := range []string{".otlp.json", ".truth.json"} {
				_, err := os.Stat(filepath.Join(recordings, emitter, name+end))
				require.NoError(t, err, "%s: %s", emitter, column)
			}
		}
	}
}
