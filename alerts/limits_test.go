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

// A quota is an account's: only the tokens of its own tenants count against it, those of all of them together.
func TestQuotasOfTwoAccounts(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	quotas := map[string]int64{"openai/large": 1000}
	cfg.Limits = []alerts.Limit{
		{Name: "eu", Account: "europe", Tenants: []string{"acme", "globex"}, Quotas: quotas},
		{Name: "us", Account: "america", Tenants: []string{"hooli"}, Quotas: quotas},
		{Name: "all", Quotas: map[string]int64{"openai/large": 100_000}},
	}
	at := w.clock().Format(time.DateTime)
	for tenant, tokens := range map[string]int{"acme": 500, "globex": 450, "hooli": 800} {
		require.NoError(t, w.conn.Exec(t.Context(), fmt.Sprintf(`INSERT INTO call_reports (minute, tenant, provider, model, trace_id, span_id, version, start, received, text_output)
			VALUES (toStartOfMinute(toDateTime('%s', 'UTC')), '%s', 'openai', 'large', '%-16s', '%-8s', 1, '%s', '%s', %d)`, at, tenant, tenant, tenant, at, at, tokens)))
	}
	r := w.run(cfg)
	r.settle()
	summaries := w.stored("SELECT summary FROM alert_events FINAL")
	require.Len(t, summaries, 1, "hooli's tokens are another account's")
	require.Contains(t, summaries[0], "openai/large (account europe) refuses 0 of 2 calls")
	require.Contains(t, summaries[0], "headroom: 5 % (950 of 1000 tokens a minute used; the quota is configured)")
}

// What is read from a cache counts against a quota at OpenAI, and not of Claude's models, nor at Groq.
func TestCachedTokensAndQuotas(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	quotas := map[string]int64{}
	at := w.clock().Format(time.DateTime)
	for i, model := range [][2]string{{"openai", "large"}, {"anthropic", "claude-opus"}, {"aws.bedrock", "eu.anthropic.claude-opus"}, {"groq", "openai/gpt-oss"}} {
		quotas[model[0]+"/"+model[1]] = 1000
		require.NoError(t, w.conn.Exec(t.Context(), fmt.Sprintf(`INSERT INTO call_reports (minute, tenant, provider, model, trace_id, span_id, version, start, received, cache_read)
			VALUES (toStartOfMinute(toDateTime('%s', 'UTC')), 'acme', '%s', '%s', '%016d', '%08d', 1, '%s', '%s', 950)`, at, model[0], model[1], i, i, at, at)))
	}
	cfg.Limits = []alerts.Limit{{Name: "limits", Quotas: quotas}}
	w.run(cfg).settle()
	summaries := w.stored("SELECT summary FROM alert_events FINAL")
	require.Len(t, summaries, 1)
	require.Contains(t, summaries[0], "openai/large refuses 0 of 1 calls")
}
