package pricing_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

func priceOf(t *testing.T, b *pricing.Book) string {
	t.Helper()
	c := ledger.Call{Provider: "openai", Model: "our-own", Start: 1_790_000_000_000_000_000}
	c.Usage.Tokens[ledger.FreshInput] = 1_000_000
	b.Rate(&c)
	require.Empty(t, c.Unpriced)
	return c.TotalCost().Short()
}

func TestWatchTakesWhatIsRightAndKeepsItOtherwise(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prices.yaml")
	write := func(text string) {
		t.Helper()
		next := path + ".next"
		require.NoError(t, os.WriteFile(next, []byte(text), 0o600))
		require.NoError(t, os.Rename(next, path)) // as editors and deployments do it
	}
	list := func(usd string) string {
		return "provider: openai\nmodels:\n  - model: our-own\n    prices:\n      - usd_per_million: {input: " + usd + ", output: 1}\n"
	}
	_, err := pricing.NewWatch(path)
	require.ErrorContains(t, err, "check price_files")
	write(list("2"))
	w, err := pricing.NewWatch(path)
	require.NoError(t, err)
	require.Equal(t, "2.00", priceOf(t, w.Book()))
	look := func(changed bool, fault string) {
		t.Helper()
		got, err := w.Look()
		require.Equal(t, changed, got)
		if fault == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, fault)
		}
	}
	look(false, "")
	first := w.Book()
	write(list("3"))
	look(true, "")
	require.Equal(t, "3.00", priceOf(t, w.Book()))
	require.Equal(t, "2.00", priceOf(t, first), "a call that is being priced keeps its book")
	write(list("minus three"))
	look(false, "minus three")
	look(false, "") // said once
	require.Equal(t, "3.00", priceOf(t, w.Book()))
	require.NoError(t, os.Remove(path))
	look(false, "no such file")
	look(false, "")
	write(list("3"))
	look(false, "") // the book is the same
	write(list("4"))
	look(true, "")
	require.Equal(t, "4.00", priceOf(t, w.Book()))
}
