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

// callOf decodes the call of a span. The calls of a resource are in the order of its spans that have one.
func callOf(t require.TestingT, td ptrace.Traces, span ptrace.Span) (out ledger.Call, ok bool) {
	for _, rs := range td.ResourceSpans().All() {
		n, at := 0, -1
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if _, has := s.Attributes().Get(TagRule); has {
					if s == span {
						at = n
					}
					n++
				}
			}
		}
		v, has := rs.Resource().Attributes().Get(ledger.AttrCalls)
		require.Equal(t, n > 0, has)
		if n == 0 {
			continue
		}
		require.NoError(t, ledger.DecodeBatch(v.Bytes().AsRaw(), func(c *ledger.Call, _ []byte) {
			if at == 0 {
				out, ok = *c, true
				require.Equal(t, span.SpanID(), pcommon.SpanID(c.SpanID))
			}
			n, at = n-1, at-1
		}))
		require.Zero(t, n)
	}
	return out, ok
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
	c, ok := callOf(t, td, span)
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
		c, ok := callOf(t, td, span)
		require.True(t, ok)
		require.NotZero(t, c.Flags&ledger.FlagStartOutside)
		require.NotZero(t, c.Flags&ledger.FlagCandidate, c.Flags.String())
		minutes[c.Minute] = true
	}
	require.Len(t, minutes, 2)
}
