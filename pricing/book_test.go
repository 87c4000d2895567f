package pricing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func builtin(t testing.TB) *Book {
	t.Helper()
	b, err := Builtin()
	require.NoError(t, err)
	return b
}

func TestBuiltinPricesACall(t *testing.T) {
	b := builtin(t)
	require.Len(t, b.Version(), 12)
	require.Greater(t, len(b.Models()), 100)
	c := ledger.Call{Provider: "openai", Model: "gpt-4o-2024-08-06", Start: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC).UnixNano()}
	c.Usage.Tokens[ledger.FreshInput] = 1000
	c.Usage.Tokens[ledger.CacheRead] = 3
	c.Usage.Tokens[ledger.TextOutput] = 10
	b.Rate(&c)
	require.Empty(t, c.Unpriced)
	require.Equal(t, "0.002603750000", c.TotalCost().String())
	require.Equal(t, "openai/gpt-4o", c.PriceEntry)
	require.Equal(t, "0.000003750000", c.CacheSaved.String())
}
