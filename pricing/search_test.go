package pricing

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// A model that searches by itself bills its searches apart. Where nobody counted them the cost is the least, and says so.
func TestSearchesThatNobodyCounts(t *testing.T) {
	const more = `
provider: maker
source: {via: test, checked: 2026-11-28}
models:
  - {model: seeker, searches: true, prices: [{usd_per_million: {input: 1, output: 1}, usd_per_unit: {search: 0.0025}}]}
  - {model: fee, searches: true, prices: [{usd_per_million: {input: 1, output: 1}}]}
`
	const discount = `
provider: maker
tenants: [acme]
source: {via: test, checked: 2026-11-28}
models: [{model: seeker, prices: [{usd_per_million: {input: 0.5, output: 0.5}}]}]
`
	b := testBook(t, more, discount)
	for name, c := range map[string]struct {
		model, tenant string
		searches      int64
		told          bool
		cost          string
		flagged       bool
	}{
		"nobody counts":             {model: "seeker", cost: "0.00002", flagged: true},
		"none were made":            {model: "seeker", told: true, cost: "0.00002"},
		"two were made":             {model: "seeker", told: true, searches: 2, cost: "0.00502"},
		"a negotiated price":        {model: "seeker", tenant: "acme", cost: "0.00001", flagged: true},
		"a fee that isn't known":    {model: "fee", cost: "0.00002", flagged: true},
		"a model that doesn't seek": {model: "m1", cost: "0.0000625"},
	} {
		c1 := call(c.model, map[ledger.Bucket]int64{ledger.FreshInput: 5, ledger.TextOutput: 15})
		if c.model == "m1" {
			c1.Usage.Tokens[ledger.TextOutput] = 5
		}
		c1.Tenant = c.tenant
		if c.told {
			c1.Raw.Set(ledger.RawSearches, c.searches)
			c1.Usage.Units[ledger.UnitSearch] = c.searches
		}
		b.Rate(&c1)
		require.Empty(t, c1.Unpriced, name)
		require.Equal(t, c.flagged, c1.Flags&ledger.FlagEstimated != 0, name)
		require.Equal(t, c.cost, c1.TotalCost().Short(), name)
		again := c1
		b.Recharge(&again, nil)
		require.Equal(t, c1, again, "%s: charged again by the same book", name)
		x := b.Explain(c1)
		var text strings.Builder
		require.NoError(t, x.WriteText(&text))
		require.Equal(t, c.flagged, strings.Contains(text.String(), "at least: the model searches by itself"), name)
	}
}

// Every model of Perplexity's catalogue that answers says "at least", or is unpriced: no emitter counts what it searched.
func TestPerplexityIsNeverSilentlyLow(t *testing.T) {
	w, err := NewWatch()
	require.NoError(t, err)
	answering := 0
	for _, full := range append(w.Book().Models(), "perplexity/sonar-pro", "perplexity/sonar", "perplexity/sonar-reasoning-pro") {
		model, ok := strings.CutPrefix(full, "perplexity/")
		if !ok || model == "r1-1776" { // which doesn't search: it has no access to the web
			continue
		}
		c := ledger.Call{Provider: "perplexity", Model: model, Operation: "chat", Start: testTime.UnixNano()}
		c.Usage.Tokens[ledger.FreshInput], c.Usage.Tokens[ledger.TextOutput] = 100, 10
		w.Book().Rate(&c)
		if c.Unpriced == "" {
			answering++
			require.NotZero(t, c.Flags&ledger.FlagEstimated, model)
		}
	}
	require.Equal(t, 9, answering)
}
