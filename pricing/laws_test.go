package pricing

import (
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tollkeeper/tollkeeper/ledger"
	"pgregory.net/rapid"
)

// FuzzPriceFile: no price file makes it panic; one that is refused says why, and lint finds the same; one that is taken prices
// calls with amounts that are neither negative nor too large. (TestWatch… holds that a refused one leaves the old book.)
func FuzzPriceFile(f *testing.F) {
	for _, seed := range []string{testList, testDiscount, testTenant,
		"provider: maker\nreserved: [{id: a, models: ['*'], from: 2026-01-01, to: 2027-01-01, amount_usd: 10}]",
		"provider: maker\nmodels: [{model: m1, prices: [{hours: 23:00-01:00, usd_per_unit: {minute: 0.06}}]}]",
		"provider: &a maker\nalso: [*a]\ndefaults: {input: input}\nmodels: [{model: '', aliases: ['']}]",
		"provider: maker\nmodels: [{model: m1, prices: [{from: 9999-12-31, to: 0001-01-01, usd_per_million: {input: 999999999999999999}}]}]",
	} {
		f.Add([]byte(seed))
	}
	before := testBook(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		after, err := Parse([]byte(testList), content)
		b := newBuilder()
		b.add("list", []byte(testList), false)
		list, listErr := b.book()
		require.NoError(t, listErr)
		findings := b.lint(list, "file 2", content)
		faults := slices.ContainsFunc(findings, func(x Finding) bool { return !x.Note })
		require.Equal(t, err != nil, faults, "lint and the collector agree: %v, %v", err, findings)
		if err != nil {
			require.ErrorContains(t, err, "price file file 2")
			return
		}
		for _, m := range after.Models() {
			provider, model, _ := cutName(m)
			c := ledger.Call{Provider: provider, Model: model, Start: testTime.UnixNano(), Tenant: "acme"}
			c.Usage.Tokens[ledger.FreshInput], c.Usage.Tokens[ledger.TextOutput] = 1000, 1<<52
			x := after.Explain(c)
			require.GreaterOrEqual(t, x.Call.TotalCost(), ledger.Money(0))
			require.LessOrEqual(t, x.Call.TotalCost(), ledger.MaxMoney)
		}
		_ = after.Records()
		_ = Diff(before, after, testTime, testTime)
		_ = Rerate(ChangedPast(before, after, testTime), testTime)
	})
}

func cutName(s string) (provider, model string, ok bool) {
	for i := range s {
		if s[i] == '/' {
			return s[:i], s[i+1:], true
		}
	}
	return "", s, false
}

// A mark-up, a discount and none: a factor of the list price, for one tenant or everybody, is that multiple of the amount up to
// the rounding of each bucket, and explain's saving is the difference to the list price to the last digit.
func TestFactorsAreMultiples(t *testing.T) {
	list := testBook(t)
	rapid.Check(t, func(t *rapid.T) {
		factor := rapid.SampledFrom([]string{"0", "0.5", "0.85", "1", "1.2", "2.5"}).Draw(t, "factor")
		tenants := rapid.SampledFrom([]string{"", "tenants: [acme]\n"}).Draw(t, "tenants")
		b := testBook(t, "provider: maker\n"+tenants+"discounts: [{models: [m1], factor: "+factor+"}]")
		c := call("m1", nil)
		c.Usage, c.Tenant = genUse().Draw(t, "usage"), rapid.SampledFrom([]string{"acme", "globex"}).Draw(t, "tenant")
		listed, own := c, c
		list.Rate(&listed)
		b.Rate(&own)
		require.Empty(t, own.Unpriced)
		if tenants != "" && c.Tenant != "acme" {
			require.Equal(t, listed.TotalCost(), own.TotalCost(), "it is nobody else's")
			return
		}
		want, _ := new(big.Rat).SetString(factor)
		off := want.Mul(want, new(big.Rat).SetInt64(int64(listed.TotalCost())))
		off.Sub(off, new(big.Rat).SetInt64(int64(own.TotalCost())))
		require.LessOrEqual(t, off.Abs(off).Cmp(big.NewRat(2*int64(ledger.NumBuckets+ledger.NumUnits), 1)), 0, "half a unit of 10⁻¹² USD for each bucket and price")
		require.Equal(t, listed.TotalCost()-own.TotalCost(), own.ListDelta)
		x := b.Explain(c)
		require.Equal(t, own.TotalCost(), x.Total)
		require.Equal(t, listed.TotalCost(), x.List)
	})
}

// The order of price files for different models and buyers doesn't matter for an amount, nor does that of a file's models.
func TestOrderOfApartOverridesDoesNotMatter(t *testing.T) {
	files := []string{
		"provider: maker\ntenants: [acme]\nmodels: [{model: m2, prices: [{usd_per_million: {input: 0.5}}]}]",
		"provider: maker\nmodels: [{model: m2, prices: [{usd_per_million: {input: 0.75}}]}]",
		"provider: maker\ntenants: [globex]\ndiscounts: [{models: [m1], factor: 0.9}]",
		"provider: maker\nmodels: [{model: b, prices: [{usd_per_million: {input: 3}}]}, {model: a, prices: [{usd_per_million: {input: 4}}]}]",
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := testBook(t, files...), testBook(t, rapid.Permutation(files).Draw(t, "order")...)
		c := call(rapid.SampledFrom([]string{"m1", "m2", "a", "b"}).Draw(t, "model"), map[ledger.Bucket]int64{ledger.FreshInput: rapid.Int64Range(0, 1_000_000).Draw(t, "tokens")})
		c.Tenant = rapid.SampledFrom([]string{"acme", "globex", "other"}).Draw(t, "tenant")
		one, two := c, c
		a.Rate(&one)
		b.Rate(&two)
		require.Equal(t, one.Cost, two.Cost)
		require.Equal(t, one.Unpriced, two.Unpriced)
		require.Equal(t, one.PriceEntry, two.PriceEntry)
	})
}

// No count and no price overflows: an amount beyond what a row can hold has a reason and no cost, also as a sum of buckets.
func TestNothingOverflows(t *testing.T) {
	b := testBook(t, "provider: maker\nmodels: [{model: dear, prices: [{usd_per_million: {input: 999999999999, output: 999999999999, cache_read: 999999999999}, usd_per_unit: {image: 999999999999}}]}]")
	rapid.Check(t, func(t *rapid.T) {
		c := call("dear", nil)
		for _, bucket := range []ledger.Bucket{ledger.FreshInput, ledger.TextOutput, ledger.CacheRead} {
			c.Usage.Tokens[bucket] = rapid.Int64Range(0, 1<<62).Draw(t, "tokens")
		}
		c.Usage.Units[ledger.UnitImage] = rapid.Int64Range(0, 1<<62).Draw(t, "images")
		b.Rate(&c)
		for _, part := range c.Cost {
			require.GreaterOrEqual(t, part, ledger.Money(0))
		}
		if c.Unpriced != "" {
			require.Equal(t, ledger.UnpricedOverflow, c.Unpriced)
			require.Zero(t, c.TotalCost())
		}
		require.LessOrEqual(t, c.TotalCost(), ledger.MaxMoney)
	})
}
