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
	traps, err := accuracy.Traps(t.Context())
	require.NoError(t, err)
	require.Len(t, traps, 22)
	var out strings.Builder
	require.NoError(t, accuracy.WriteSettled(&out, rows, traps, false), out.String())
	for _, line := range []string{
		`trap: a response id that repeats, backward .* none; a 0.00135 USD stand, a 0.00135 billed: equal`,
		`trap: an id copied by another tenant, forward .* none; thief 0.00045, victim 0.00045 USD stand, .*: equal`,
		`trap: a retry that is really billed twice, backward .* gave way: 1 .*; a 0.0009 USD stand, .*: equal`,
		`trap: a client, then its gateway that wasn't seen before, settle_clients: always, forward .* gave way: 1 .*; a 0.00045 USD stand, .*: equal`,
		`trap: clients alone, one call after the other, settle_clients: always, backward .* none; a 0.00135 USD stand, .*: equal`,
		`trap: a span exported twice, forward .* 1 reports, .*: equal`,
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
	require.ErrorContains(t, accuracy.WriteSettled(&out, rows, nil, false), "SETTLE")
}
