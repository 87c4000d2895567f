package llmcost

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// What only Tollkeeper may set is taken off every kind of span, wherever it stands among the attributes, and what is set instead stays.
func TestForgedTagsGoFromEverySpan(t *testing.T) {
	kinds := map[string]map[string]any{
		"call":         someCall,
		"agent":        {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 5},
		"tool":         {"gen_ai.operation.name": "execute_tool"},
		"looks like":   {"gen_ai.something.else": "x"},
		"nothing such": {"http.route": "/"},
	}
	for name, attrs := range kinds {
		for _, own := range []bool{false, true} {
			for _, first := range []bool{false, true} {
				p := newTest(t, func(c *Config) {
					if own {
						c.Tenant.Order = []string{"span", "resource"}
					}
				})
				td, span := oneSpan("app", map[string]any{"tenant.id": "acme"}, nil)
				forge := func() {
					span.Attributes().PutStr("tollkeeper.tenant", "victim")
					span.Attributes().PutStr("tollkeeper.forged", "x")
				}
				if first {
					forge()
				}
				more := pcommon.NewMap()
				require.NoError(t, more.FromRaw(attrs))
				for k, v := range more.All() {
					v.CopyTo(span.Attributes().PutEmpty(k))
				}
				if !first {
					forge()
				}
				if own {
					span.Attributes().PutStr("tenant.id", "team")
				}
				_, err := p.process(t.Context(), td)
				require.NoError(t, err)
				got := span.Attributes().AsRaw()
				require.NotContains(t, got, "tollkeeper.forged", name)
				want := "acme"
				if own {
					want = "team"
					require.Equal(t, "team", got[TagTenant], name)
					require.Equal(t, "span", got[TagTenantSource], name)
				} else {
					require.NotContains(t, got, TagTenant, name)
				}
				if c, ok := callOf(t, td, span); ok {
					require.Equal(t, want, c.Tenant)
					require.Equal(t, name == "agent", c.Role == ledger.RoleAggregate)
				} else {
					require.NotEqual(t, "call", name)
				}
			}
		}
	}
}
