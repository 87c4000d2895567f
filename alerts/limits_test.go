package alerts_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
)

// TestHeadroomComesFromConfigurationOrAHeader: 1 − tokens of the last minute / quota; without a quota it is not reported.
func TestHeadroomComesFromConfigurationOrAHeader(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Limits = []alerts.Limit{{Name: "limits", Percent: 50, MinCalls: 1, ClearAfter: time.Second}, {Name: "own", Model: "openai/small", TokensPerMinute: 1000, ClearAfter: time.Second}}
	insert := func(id, provider, model string, tokens int) {
		at := w.clock().Format("2006-01-02 15:04:05")
		require.NoError(t, w.conn.Exec(t.Context(), fmt.Sprintf(`INSERT INTO call_reports (minute, tenant, provider, model, trace_id, span_id, version, start, received, text_output)
			VALUES (toStartOfMinute(toDateTime('%s', 'UTC')), 'acme', '%s', '%s', '%s', '%.8s', 1, '%s', '%s', %d)`, at, provider, model, id, id, at, at, tokens)))
	}
	insert("openai-large-000", "openai", "large", 950)
	insert("openai-small-000", "openai", "small", 901)
	insert("other-model-0000", "other", "model", 5_000_000)
	// The header is on the HTTP span below the call's.
	require.NoError(t, w.conn.Exec(t.Context(), `INSERT INTO spans (minute, tenant, trace_id, span_id, parent_span_id, start, attributes) VALUES
		('2026-11-02 10:20:00', 'acme', 'openai-large-000', 'httpspan', 'openai-l', '2026-11-02 10:20:20', {'http.response.header.x-ratelimit-limit-tokens': '["2000"]'}),
		('2026-11-02 10:20:00', 'acme', 'openai-large-000', 'httpspa2', 'openai-l', '2026-11-02 10:20:25', {'http.response.header.x-ratelimit-limit-tokens': '["1000"]'}),
		('2026-11-02 10:20:00', 'acme', 'elsewhere-000000', 'httpspa3', 'nobodyss', '2026-11-02 10:20:25', {'http.response.header.x-ratelimit-limit-tokens': '["1"]'})`))
	r := w.run(cfg)
	w.eventually(func() bool { return len(w.states()) == 2 })
	r.settle()
	summaries := w.stored("SELECT summary FROM alert_events FINAL ORDER BY rule")
	require.Len(t, summaries, 2, "a model without a quota has no headroom that could be low")
	require.Contains(t, summaries[0], "openai/large refuses 0 of 1 calls")
	require.Contains(t, summaries[0], "headroom: 5 % (950 of 1000 tokens a minute used; the quota is by a response's header at 10:20:25 UTC)")
	require.Contains(t, summaries[1], "headroom: 9 % (901 of 1000 tokens a minute used; the quota is configured)")
	w.pass(70 * time.Second)
	r.settle()
	w.pass(2 * time.Second)
	w.eventually(func() bool { return len(w.states()) == 4 })
	require.Contains(t, w.lastAlert().Summary, "headroom: 100 %")
}
