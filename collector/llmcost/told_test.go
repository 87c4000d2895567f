package llmcost

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/collector/genai"
)

// The model and the agent are told by tags where the conventions' own keys don't tell the same, so that a reader who takes the tag or
// else that key finds what was priced.
func TestTagsDontRepeatTheSpan(t *testing.T) {
	for name, c := range map[string]struct {
		set          map[string]any
		model, agent string // the tags, empty for none
	}{
		"the conventions' keys":             {nil, "", ""},
		"no answering model":                {map[string]any{"gen_ai.response.model": nil}, "gpt-4o-mini", ""},
		"an empty answering model":          {map[string]any{"gen_ai.response.model": ""}, "gpt-4o-mini", ""},
		"another key for the model":         {map[string]any{"gen_ai.response.model": nil, "llm.response.model": "gpt-4o"}, "gpt-4o", ""},
		"a model in a list":                 {map[string]any{"gen_ai.response.model": []any{"gpt-4o"}}, "gpt-4o", ""},
		"another key for the agent":         {map[string]any{"gen_ai.agent.name": nil, "agent.name": "scribe"}, "", "scribe"},
		"the conventions' key before it":    {map[string]any{"agent.name": "scribe"}, "", ""},
		"no agent":                          {map[string]any{"gen_ai.agent.name": nil}, "", ""},
		"no model that anybody would price": {map[string]any{"gen_ai.response.model": "made-up"}, "", ""},
	} {
		attrs := modelAttrs()
		for k, v := range c.set {
			if attrs[k] = v; v == nil {
				delete(attrs, k)
			}
		}
		td, span := oneSpan("app", map[string]any{"tenant.id": "acme"}, attrs)
		_, err := newTest(t, nil).process(context.Background(), td)
		require.NoError(t, err)
		tags := span.Attributes().AsRaw()
		model, _ := tags[TagModel].(string)
		agent, _ := tags[TagAgent].(string)
		require.Equal(t, [2]string{c.model, c.agent}, [2]string{model, agent}, name)
		call, ok := callOf(t, td, span)
		require.True(t, ok)
		if model == "" {
			model, _ = tags["gen_ai.response.model"].(string)
		}
		if agent == "" {
			agent, _ = tags["gen_ai.agent.name"].(string)
		}
		require.Equal(t, [2]string{call.Model, call.Agent}, [2]string{model, agent}, name)
	}
}

// A scope that has written nothing but spans about models is read without a look beforehand. What else it writes later is treated
// as ever.
func TestAScopeThatWroteOnlyModels(t *testing.T) {
	p := newTest(t, func(c *Config) { c.Tenant.Order = []string{"span", "resource"} })
	w := p.workers.Get().(*worker)
	w.book = p.prices.Book()
	// send gives the last of the spans, and how many have nothing to do with a model.
	send := func(attrs ...map[string]any) (ptrace.Span, int64) {
		td, span := oneSpan("app", map[string]any{"tenant.id": "acme"}, attrs[0])
		for i, more := range attrs[1:] {
			span = td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
			span.SetSpanID([8]byte{3, byte(i)})
			require.NoError(t, span.Attributes().FromRaw(more))
		}
		res := td.ResourceSpans().At(0)
		sender := p.tenants.of(context.Background())
		who, open := p.tenants.ofResource(&sender, res.Resource().Attributes())
		w.forget()
		p.spans(w, res, who, sender.order[:open], testNow.UnixNano())
		return span, w.seen.outcome[genai.NotModel]
	}
	for range 20 {
		span, others := send(modelAttrs())
		require.Zero(t, others)
		_, priced := span.Attributes().Get(TagCostUSD)
		require.True(t, priced)
	}
	for range 2 { // the second time it is known
		attrs := httpAttrs()
		attrs["tenant.id"], attrs["tollkeeper.cost.usd"], attrs["user.id"] = "globex", "1", "u"
		span, others := send(modelAttrs(), attrs)
		require.EqualValues(t, 1, others)
		_, forged := span.Attributes().Get(TagCostUSD)
		require.False(t, forged)
		tenant, ok := span.Attributes().Get(TagTenant)
		require.True(t, ok)
		require.Equal(t, "globex", tenant.Str())
	}
	span, _ := send(modelAttrs())
	_, priced := span.Attributes().Get(TagCostUSD)
	require.True(t, priced)
}
