package llmcost

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Whatever OTLP comes: no panic, every call can be decoded, costs are in range and never negative, a call without a price has a
// reason, every resource has a tenant, and nothing a client wrote under our prefix is left.
func FuzzProcess(f *testing.F) {
	p := newTest(f, nil)
	for _, a := range []map[string]any{someCall, modelAttrs(), httpAttrs(), {"gen_ai.usage.input_tokens": -1, "tollkeeper.cost.usd": "7"}} {
		td, _ := oneSpan("gen_ai", map[string]any{"tenant.id": "acme"}, a)
		b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
		if err != nil {
			return
		}
		_, err = p.process(context.Background(), td)
		require.NoError(t, err)
		for _, rs := range td.ResourceSpans().All() {
			v, ok := rs.Resource().Attributes().Get(TagTenant)
			require.True(t, ok)
			require.NotEmpty(t, v.Str())
		}
		eachSpan(td, func(s ptrace.Span) { checkSpan(t, td, s) })
	})
}

// FuzzAttributes reaches the arithmetic sooner than bytes do.
func FuzzAttributes(f *testing.F) {
	p := newTest(f, nil)
	f.Add("ai", "anthropic", "claude-sonnet-4-5", "flex", int64(10), int64(5), int64(20), int64(30), "7", 0.5)
	f.Add("litellm", "", "", "", int64(-1), int64(1)<<62, int64(0), int64(1)<<53, "", -1.0)
	f.Fuzz(func(t *testing.T, scope, provider, model, tier string, in, out, read, write int64, reasoning string, cost float64) {
		td, span := oneSpan(scope, nil, map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model,
			"openai.response.service_tier": tier, "gen_ai.usage.input_tokens": in, "gen_ai.usage.output_tokens": out,
			"gen_ai.usage.cache_read.input_tokens": read, "gen_ai.usage.cache_write.input_tokens": write,
			"gen_ai.usage.reasoning.output_tokens": reasoning, "gen_ai.usage.cost": cost,
		})
		_, err := p.process(context.Background(), td)
		require.NoError(t, err)
		checkSpan(t, td, span)
	})
}

func checkSpan(t *testing.T, td ptrace.Traces, s ptrace.Span) {
	c, ok := callOf(t, td, s)
	if !ok {
		s.Attributes().Range(func(k string, _ pcommon.Value) bool {
			require.True(t, len(k) < len(ledger.AttrPrefix) || k[:len(ledger.AttrPrefix)] != ledger.AttrPrefix ||
				k == TagTenant || k == TagTenantSource, k)
			return true
		})
		return
	}
	total := c.TotalCost()
	require.GreaterOrEqual(t, total, ledger.Money(0))
	require.LessOrEqual(t, total, ledger.MaxMoney)
	if c.Unpriced != "" {
		require.Zero(t, total)
	} else if c.ErrorClass == "" {
		require.NotEmpty(t, c.PriceEntry)
	}
	require.NotEmpty(t, c.Tenant)
	require.NotEmpty(t, c.Rule)
	require.Zero(t, c.Minute%60)
}
