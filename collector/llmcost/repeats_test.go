package llmcost

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// LiteLLM keeps a provider's answer on a span below the call's. Where that one comes with it, it isn't another report; where the
// application's own span stands above, on which LiteLLM writes one call over the other, it is the only one that tells of each.
func TestAnswersBelowTheirCallAreNoReports(t *testing.T) {
	litellm := func(usage int) map[string]any {
		return merged(someCall, map[string]any{"gen_ai.cost.total_cost": 0.1, "gen_ai.usage.input_tokens": usage, "gen_ai.response.id": "chatcmpl-2"})
	}
	raw := func(id, usage string) map[string]any {
		return map[string]any{"llm.openai.id": id, "llm.openai.model": "gpt-4o-mini-2024-07-18", "llm.openai.usage": usage}
	}
	const first, second = "{'completion_tokens': 100, 'prompt_tokens': 500}", "{'completion_tokens': 100, 'prompt_tokens': 1000}"
	for name, c := range map[string]struct {
		scope, parent string
		swapped       bool
		want          []string // rule and input
	}{
		"its own span":              {"litellm", "litellm_request", false, []string{"litellm 1000"}},
		"its own span, after it":    {"litellm", "litellm_request", true, []string{"litellm 1000"}},
		"its own span, other scope": {"acme", "litellm_request", false, []string{"litellm.unscoped 1000"}},
		"the application's span":    {"acme", "answer the customer", false, []string{"litellm.onto 1000", "litellm.raw 500", "litellm.raw 1000"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTest(t, nil)
			td, parent := oneSpan(c.scope, map[string]any{"tenant.id": "acme"}, litellm(1000))
			parent.SetName(c.parent)
			answers := []string{second}
			if len(c.want) > 1 {
				answers = []string{first, second}
			}
			for i, usage := range answers {
				span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
				parent = td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
				parent.CopyTo(span)
				span.SetName("raw_gen_ai_request")
				span.SetSpanID([8]byte{7, byte(i)})
				span.SetParentSpanID(parent.SpanID())
				require.NoError(t, span.Attributes().FromRaw(raw([]string{"chatcmpl-1", "chatcmpl-2"}[2-len(answers)+i], usage)))
			}
			if c.swapped {
				spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
				spans.Sort(func(a, _ ptrace.Span) bool { return a.Name() == "raw_gen_ai_request" })
			}
			_, err := p.process(t.Context(), td)
			require.NoError(t, err)
			var got []string
			eachSpan(td, func(s ptrace.Span) {
				call, ok := callOf(t, td, s)
				_, tagged := s.Attributes().Get(TagCostUSD)
				require.Equal(t, ok, tagged, "what is no report has no cost")
				if ok {
					n := pcommon.NewValueInt(call.Usage.Tokens[ledger.FreshInput])
					got = append(got, call.Rule+" "+n.AsString())
					require.Equal(t, call.Rule == "litellm.onto", call.Flags&ledger.FlagEstimated != 0, "at least")
				}
			})
			require.Equal(t, c.want, got)
		})
	}
}
