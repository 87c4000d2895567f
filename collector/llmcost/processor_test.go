package llmcost

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

var testNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newTest(t testing.TB, change func(*Config)) *costProcessor {
	t.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	prices, err := testPrices()
	if len(cfg.PriceFiles) > 0 {
		prices, err = pricing.NewWatch(cfg.PriceFiles...)
	}
	require.NoError(t, err)
	rules, err := testRules()
	require.NoError(t, err)
	m, err := newMetrics(componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	return newProcessor(cfg, rules, prices, m, func() time.Time { return testNow })
}

var (
	testPrices = sync.OnceValues(func() (*pricing.Watch, error) { return pricing.NewWatch() })
	testRules  = sync.OnceValues(genai.BuiltinRules)
)

// oneSpan makes traces with one span of a service.
func oneSpan(scope string, resource, attrs map[string]any) (ptrace.Traces, ptrace.Span) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	_ = rs.Resource().Attributes().FromRaw(resource)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(scope)
	span := ss.Spans().AppendEmpty()
	span.SetTraceID([16]byte{1})
	span.SetSpanID([8]byte{2})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(testNow.Add(-2 * time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(testNow))
	_ = span.Attributes().FromRaw(attrs)
	return td, span
}

// callOf decodes the call that a span carries.
func callOf(t testing.TB, span ptrace.Span) (ledger.Call, bool) {
	t.Helper()
	v, ok := span.Attributes().Get(ledger.AttrCall)
	if !ok {
		return ledger.Call{}, false
	}
	b := ledger.AppendBatchCall(ledger.AppendBatchHeader(nil), v.Bytes().AsRaw())
	var out ledger.Call
	require.NoError(t, ledger.DecodeBatch(b, func(c *ledger.Call, _ []byte) { out = *c }))
	return out, true
}

func eachSpan(td ptrace.Traces, f func(ptrace.Span)) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				f(s)
			}
		}
	}
}

func TestTagsACall(t *testing.T) {
	p := newTest(t, nil)
	td, span := oneSpan("app", map[string]any{"service.name": "shop", "tenant.id": "acme", "tollkeeper.tenant": "evil"}, map[string]any{
		"gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini",
		"gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
		"gen_ai.usage.cache_read.input_tokens": 400, "tollkeeper.cost.usd": "0",
	})
	_, err := p.process(context.Background(), td)
	require.NoError(t, err)
	c, ok := callOf(t, span)
	require.True(t, ok)
	require.Empty(t, c.Unpriced)
	require.Equal(t, "0.000180000000", c.TotalCost().String())
	require.Equal(t, "acme", c.Tenant)
	require.Equal(t, "shop", c.Service)
	got := span.Attributes().AsRaw()
	require.Equal(t, "0.00018", got[TagCostUSD])
	require.Equal(t, "openai/gpt-4o-mini", got[TagPriceEntry])
	require.Equal(t, int64(600), got["tollkeeper.usage.fresh_input"])
	require.Equal(t, "otel.genai", got[TagRule])
	require.NotContains(t, got, TagTenant, "the resource says it")
	rt, _ := td.ResourceSpans().At(0).Resource().Attributes().Get(TagTenant)
	require.Equal(t, "acme", rt.Str())
}

// A start that can't be believed is replaced by the receipt's time, which is another one for every copy that an SDK sends
// again: identities differ, so every copy must be a candidate of settlement (DESIGN D3).
func TestCopiesWithAnUnbelievableStartAreCandidates(t *testing.T) {
	p := newTest(t, nil)
	minutes := map[int64]bool{}
	for _, at := range []time.Time{testNow, testNow.Add(2 * time.Minute)} {
		p.now = func() time.Time { return at }
		td, span := oneSpan("app", nil, someCall)
		span.SetStartTimestamp(0)
		_, err := p.process(context.Background(), td)
		require.NoError(t, err)
		c, ok := callOf(t, span)
		require.True(t, ok)
		require.NotZero(t, c.Flags&ledger.FlagStartOutside)
		require.NotZero(t, c.Flags&ledger.FlagCandidate, c.Flags.String())
		minutes[c.Minute] = true
	}
	require.Len(t, minutes, 2)
}
