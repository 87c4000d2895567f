package pricing

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// What a call was charged before, by whatever book, leaves no trace in what it is charged again.
func TestRechargingForgetsTheBookBefore(t *testing.T) {
	book := func(model, prices string) *Book {
		b, err := Parse([]byte("provider: openai\nsource: {via: test, checked: 2026-11-01}\nmodels:\n  - model: " + model +
			"\n    prices:\n      - usd_per_million: {" + prices + "}\n"))
		require.NoError(t, err)
		return b
	}
	books := []*Book{book("gpt-4o", "input: 2.5, output: 10"), book("gpt-4o", "input: 2, output: 8"), book("gpt-4o", "input: 2"), book("gpt-5", "input: 2, output: 8")}
	charged := func(change func(*ledger.Call)) ledger.Call {
		c := ledger.Call{Provider: "openai", Model: "gpt-4o", RequestModel: "gpt-4o", Emitter: "litellm@1", ProvidedCost: ledger.USD, Flags: ledger.FlagHasProvided}
		c.Usage.Tokens[ledger.FreshInput], c.Usage.Tokens[ledger.TextOutput] = 1000, 100
		change(&c)
		return c
	}
	for name, c := range map[string]ledger.Call{
		"whole":    charged(func(*ledger.Call) {}),
		"no cost":  charged(func(c *ledger.Call) { c.Flags, c.ProvidedCost = 0, 0 }),
		"no usage": charged(func(c *ledger.Call) { c.Usage, c.Unpriced = ledger.Usage{}, ledger.UnpricedUsage }),
		"bad usage": charged(func(c *ledger.Call) {
			c.Usage, c.Unpriced, c.Flags = ledger.Usage{}, ledger.UnpricedBadUsage, c.Flags|ledger.FlagBadCount
		}),
		"refused":    charged(func(c *ledger.Call) { c.Usage, c.ErrorClass = ledger.Usage{}, "429" }),
		"no model":   charged(func(c *ledger.Call) { c.Model, c.RequestModel = "", "" }),
		"other name": charged(func(c *ledger.Call) { c.Model = "deployment-7" }),
	} {
		for _, trusted := range []map[string]bool{nil, {"litellm": true}} {
			for _, first := range books {
				for _, then := range books {
					want, got := c, c
					then.Charge(&want, trusted)
					first.Charge(&got, trusted)
					then.Recharge(&got, trusted)
					require.Equal(t, want, got, "%s, trusted %v, book %s after %s", name, trusted, then.Version(), first.Version())
				}
			}
		}
	}
}
