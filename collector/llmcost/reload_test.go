package llmcost

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestPricesChangeWhileCallsFlow: every request is priced wholly by one book, a broken file changes nothing and is said once.
func TestPricesChangeWhileCallsFlow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prices.yaml")
	write := func(usd string) {
		t.Helper()
		text := "provider: openai\nmodels:\n  - model: our-own\n    prices:\n      - usd_per_million: {input: " + usd + ", output: " + usd + "}\n"
		require.NoError(t, os.WriteFile(path+".next", []byte(text), 0o600))
		require.NoError(t, os.Rename(path+".next", path))
	}
	write("1")
	cfg := DefaultConfig()
	cfg.PriceFiles, cfg.PriceReload = []string{path}, 100*time.Millisecond
	require.NoError(t, cfg.Validate())
	core, logs := observer.New(zap.InfoLevel)
	set := processortest.NewNopSettings(Type)
	set.Logger = zap.New(core)
	next := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), set, cfg, next)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	// costOf sends 50 equal calls in a request and returns what one costs.
	costOf := func() string {
		next.Reset()
		td, _ := oneSpan("app", map[string]any{"tenant.id": "acme"}, nil)
		spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
		for range 50 {
			span := spans.AppendEmpty()
			span.SetTraceID([16]byte{1})
			require.NoError(t, span.Attributes().FromRaw(merged(someCall, map[string]any{
				"gen_ai.provider.name": "openai", "gen_ai.system": "openai", "gen_ai.request.model": "our-own", "gen_ai.response.model": "our-own",
				"gen_ai.usage.input_tokens": 500_000, "gen_ai.usage.output_tokens": 500_000,
			})))
		}
		require.NoError(t, p.ConsumeTraces(context.WithoutCancel(t.Context()), td))
		costs := map[string]bool{}
		eachCost(next.AllTraces()[0], func(cost string) { costs[cost] = true })
		require.Len(t, costs, 1, "one request, one book")
		for cost := range costs {
			return cost
		}
		return ""
	}
	becomes := func(want string) {
		t.Helper()
		require.Eventually(t, func() bool { return costOf() == want }, 20*time.Second, time.Millisecond)
	}
	becomes("1.00")
	write("2")
	becomes("2.00")
	write("cheap")
	require.Eventually(t, func() bool { return logs.FilterMessageSnippet("not taken").Len() == 1 }, 20*time.Second, time.Millisecond)
	require.Equal(t, "2.00", costOf())
	write("3")
	becomes("3.00")
	require.Equal(t, 1, logs.FilterMessageSnippet("not taken").Len(), "said once")
	require.NoError(t, p.Shutdown(t.Context())) // it is said after it holds: by now all of it is
	require.Equal(t, 2, logs.FilterMessageSnippet("price files taken").Len())
}

func eachCost(td ptrace.Traces, f func(string)) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if v, ok := s.Attributes().Get(TagCostUSD); ok {
					f(v.Str())
				}
			}
		}
	}
}
