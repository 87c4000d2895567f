package llmcost

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestProvidedCost(t *testing.T) {
	trust := func(who string) func(*Config) { return func(c *Config) { c.TrustCostOf = []string{who} } }
	type m = map[string]any
	for name, c := range map[string]struct {
		config   func(*Config)
		scope    string
		more     m
		total    string
		unpriced string
		flags    ledger.Flags
	}{
		"agrees":                      {nil, "app", m{"gen_ai.usage.cost": 0.00021}, "0.00021", "", ledger.FlagHasProvided},
		"within one per cent":         {nil, "app", m{"gen_ai.usage.cost": 0.000212}, "0.00021", "", ledger.FlagHasProvided},
		"differs":                     {nil, "app", m{"gen_ai.usage.cost": 0.00022}, "0.00021", "", ledger.FlagHasProvided | ledger.FlagCostDiffers},
		"is lower":                    {nil, "app", m{"gen_ai.usage.cost": 0.0001}, "0.00021", "", ledger.FlagHasProvided | ledger.FlagCostDiffers},
		"differs by next to nothing":  {nil, "app", m{"gen_ai.usage.cost": 0.000001, "gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 0}, "0.00000015", "", ledger.FlagHasProvided},
		"unknown model":               {nil, "app", m{"gen_ai.request.model": "secret", "gen_ai.usage.cost": 0.5}, "0.00", ledger.UnpricedModel, ledger.FlagHasProvided},
		"trusted by scope":            {trust("app"), "app", m{"gen_ai.request.model": "secret", "gen_ai.usage.cost": 0.5}, "0.50", "", ledger.FlagHasProvided | ledger.FlagProvided},
		"trusted by rule":             {trust("otel.genai"), "app", m{"gen_ai.request.model": "secret", "gen_ai.usage.cost": 0.5}, "0.50", "", ledger.FlagHasProvided | ledger.FlagProvided},
		"another is trusted":          {trust("litellm"), "app", m{"gen_ai.request.model": "secret", "gen_ai.usage.cost": 0.5}, "0.00", ledger.UnpricedModel, ledger.FlagHasProvided},
		"trusted, but we know better": {trust("app"), "app", m{"gen_ai.usage.cost": 0.5}, "0.00021", "", ledger.FlagHasProvided | ledger.FlagCostDiffers},
		"trusted, says nothing":       {trust("app"), "app", m{"gen_ai.request.model": "secret"}, "0.00", ledger.UnpricedModel, 0},
		"trusted without usage":       {trust("litellm"), "litellm", m{"gen_ai.usage.input_tokens": "", "gen_ai.usage.output_tokens": "", "gen_ai.cost.total_cost": 0.5}, "0.50", "", ledger.FlagHasProvided | ledger.FlagProvided},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTest(t, c.config)
			td, span := oneSpan(c.scope, nil, merged(someCall, c.more))
			_, err := p.process(context.Background(), td)
			require.NoError(t, err)
			call, _ := callOf(t, td, span)
			require.Equal(t, c.total, call.TotalCost().Short())
			require.Equal(t, c.unpriced, call.Unpriced)
			mask := ledger.FlagHasProvided | ledger.FlagProvided | ledger.FlagCostDiffers
			require.Equal(t, c.flags.String(), (call.Flags & mask).String())
			if call.Flags&ledger.FlagProvided != 0 {
				require.Equal(t, "provided", call.PriceEntry)
			}
		})
	}
}

func TestPriceFilesAreLaidOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prices.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
provider: openai
tenants: [acme]
source: {via: contract}
discounts: [{models: ["*"], factor: 0.5}]
`), 0o600))
	p := newTest(t, func(c *Config) { c.PriceFiles = []string{path} })
	for tenant, want := range map[string]string{"acme": "0.000105", "globex": "0.00021"} {
		td, span := oneSpan("app", map[string]any{"tenant.id": tenant}, someCall)
		_, err := p.process(context.Background(), td)
		require.NoError(t, err)
		call, _ := callOf(t, td, span)
		require.Equal(t, want, call.TotalCost().Short(), tenant)
	}
}
