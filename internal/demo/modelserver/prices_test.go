package modelserver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// The two tables were written apart; that they agree is what makes the demo's comparison mean something.
func TestPricesAreTheCataloguesPrices(t *testing.T) {
	book, err := pricing.Builtin()
	require.NoError(t, err)
	for _, m := range Models() {
		for _, name := range []string{m.Name, m.Snapshot} {
			u := Usage{Input: 100_000, CacheRead: 60_000, Output: 7_000, Reasoning: 2_000}
			c := ledger.Call{Tenant: "acme", Start: time.Now().UnixNano(), Provider: m.Provider, Model: name}
			if m.Price.CacheWrite > 0 {
				u.CacheWrite, u.CacheWrite1h = 5_000, 3_000
			}
			if m.Price.Output == 0 { // embeddings
				u = Usage{Input: 100_000}
			}
			c.Usage.Tokens = [ledger.NumBuckets]int64{
				ledger.FreshInput: u.Input - u.CacheRead - u.CacheWrite - u.CacheWrite1h, ledger.CacheRead: u.CacheRead,
				ledger.CacheWrite5m: u.CacheWrite, ledger.CacheWrite1h: u.CacheWrite1h,
				ledger.TextOutput: u.Output - u.Reasoning, ledger.Reasoning: u.Reasoning,
			}
			book.Rate(&c)
			require.Empty(t, c.Unpriced, name)
			require.Equal(t, c.TotalCost(), m.Price.Bill(u), name)
		}
	}
}
