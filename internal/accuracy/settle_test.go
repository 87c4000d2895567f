package accuracy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/accuracy"
)

func TestRecordedDoublesAreSettled(t *testing.T) {
	rows, err := accuracy.Recordings(t.Context(), recordings)
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, accuracy.WriteSettled(&out, rows, false), out.String())
	for _, line := range []string{
		`anthropic-sdk-and-openllmetry/messages-cache-1h .* 1 response_id; (\S+) USD stand, (\S+) billed: equal`,
		`litellm-proxy-and-openllmetry/embeddings .* 1 inside; .*: equal`,
		`openinference-langchain-and-openai/agent .* 2 response_id; .*: equal`,
		`openinference-langchain-and-openai/chat-stream .* none; .*: double`,
	} {
		require.Regexp(t, line, out.String())
	}
	// A bill that is more than what stands is not explained by settlement.
	rows, err = accuracy.Recordings(t.Context(), copied(t, recordings, "litellm-proxy-and-openllmetry/embeddings.truth.json", `"usd": "0.0`, `"usd": "0.1`))
	require.NoError(t, err)
	require.ErrorContains(t, accuracy.WriteSettled(&out, rows, false), "SETTLE")
}
