package genai_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/internal/replay"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// A reader remembers what the last span said: kind, provider, host, rule, the places of keys. Whatever came before, a span is read as it is by
// a reader that has seen nothing; the scopes are mixed too, so that the rules of one scope meet spans of all others.
func TestWhatWasReadBeforeChangesNothing(t *testing.T) {
	rules, err := genai.BuiltinRules()
	require.NoError(t, err)
	all, err := replay.Load("testdata/recordings")
	require.NoError(t, err)
	type told struct {
		span  ptrace.Span
		scope pcommon.InstrumentationScope
	}
	var spans []told
	for _, r := range all {
		for _, rs := range r.Traces.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					spans = append(spans, told{span, ss.Scope()})
				}
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	old := genai.NewReader(rules)
	res := genai.Resource{Service: "shop"}
	calls := 0
	var scope pcommon.InstrumentationScope
	for i := range 8_000 {
		if i%8 == 0 {
			scope = spans[random.IntN(len(spans))].scope
		}
		c := spans[random.IntN(len(spans))]
		for range i % 64 { // mostly the scope's own
			if c.scope.Name() == scope.Name() {
				break
			}
			c = spans[random.IntN(len(spans))]
		}
		plain := c.span
		if c.scope = scope; i%4 == 3 { // what rules know by its name
			again := ptrace.NewSpan()
			c.span.CopyTo(again)
			again.SetName([]string{"litellm_request", "raw_gen_ai_request", "OpenAI-generation"}[random.IntN(3)])
			c.span = again
		}
		for _, span := range []ptrace.Span{plain, c.span, plain} {
			var got, want ledger.Call
			fresh := genai.NewReader(rules)
			wanted := fresh.Read(span, &res, fresh.Scope(c.scope), &want)
			require.Equal(t, wanted, old.Read(span, &res, old.Scope(c.scope), &got), "what a span %q is", span.Name())
			require.Equal(t, want, got, "span %q of %s", span.Name(), c.scope.Name())
			if wanted == genai.Call {
				calls++
				require.Equal(t, fresh.Origin(), old.Origin())
				require.Equal(t, fresh.Told(), old.Told())
			}
			require.Equal(t, fresh.Reserved(), old.Reserved())
		}
	}
	require.Greater(t, calls, 5_000)
}
