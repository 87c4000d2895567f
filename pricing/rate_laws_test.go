package pricing

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// genUse draws usage that stays inside of what can be stored.
func genUse() *rapid.Generator[ledger.Usage] {
	return rapid.Custom(func(t *rapid.T) (u ledger.Usage) {
		for i := range u.Tokens {
			if rapid.Bool().Draw(t, "used") {
				u.Tokens[i] = rapid.Int64Range(0, 100_000).Draw(t, "tokens")
			}
		}
		u.Units[ledger.UnitSearch] = rapid.Int64Range(0, 100).Draw(t, "searches")
		return u
	})
}

func rated(b *Book, u ledger.Usage) *ledger.Call {
	c := call("m1", nil)
	c.Usage = u
	b.Rate(&c)
	return &c
}

// The cost is the sum of what each bucket costs alone (below the long-context threshold), whatever the order; it grows with
// every bucket; and it is within half a unit per bucket of the exact product.
func TestCostLaws(t *testing.T) {
	b := testBook(t)
	rapid.Check(t, func(t *rapid.T) {
		u := genUse().Filter(func(u ledger.Usage) bool { return u.Input() <= 200_000 }).Draw(t, "usage")
		whole := rated(b, u)
		require.Empty(t, whole.Unpriced)
		var sum ledger.Money
		bound := new(big.Rat)
		e, _ := b.Lookup("maker", "m1", testTime)
		table := e.Table(Standard, u.Input())
		for _, i := range rapid.Permutation(buckets()).Draw(t, "order") {
			var one ledger.Usage
			one.Tokens[i] = u.Tokens[i]
			part := rated(b, one)
			require.GreaterOrEqual(t, part.TotalCost(), ledger.Money(0))
			sum += part.TotalCost()
			bound.Add(bound, exact(table.Tokens[i], u.Tokens[i]))
			more := u
			more.Tokens[i]++
			if more.Input() <= 200_000 {
				require.GreaterOrEqual(t, rated(b, more).TotalCost(), whole.TotalCost())
			}
		}
		var searches ledger.Usage
		searches.Units = u.Units
		sum += rated(b, searches).TotalCost()
		bound.Add(bound, exact(table.Units[ledger.UnitSearch], u.Units[ledger.UnitSearch]))
		require.Equal(t, sum, whole.TotalCost())
		off := bound.Sub(bound, new(big.Rat).SetInt64(int64(whole.TotalCost())))
		require.LessOrEqual(t, off.Abs(off).Cmp(big.NewRat(int64(ledger.NumBuckets+1), 2)), 0)
	})
}

func buckets() []ledger.Bucket {
	var out []ledger.Bucket
	for i := range ledger.NumBuckets {
		out = append(out, ledger.Bucket(i))
	}
	return out
}

// Whatever the call says: no panic, never a negative or a clamped cost, and either a price or a reason.
func TestRateNeverLies(t *testing.T) {
	b := builtin(t)
	models := b.Models()
	rapid.Check(t, func(t *rapid.T) {
		c := ledger.Call{Start: testTime.UnixNano()}
		name := rapid.SampledFrom(models).Draw(t, "model")
		for i := range name {
			if name[i] == '/' {
				c.Provider, c.Model = name[:i], name[i+1:]
				break
			}
		}
		c.ServiceTier = rapid.SampledFrom([]string{"", "batch", "flex", "priority", "fast", "odd"}).Draw(t, "tier")
		for i := range c.Usage.Tokens {
			if rapid.Bool().Draw(t, "used") {
				c.Usage.Tokens[i] = rapid.Int64Range(0, 1<<53).Draw(t, "tokens")
			}
		}
		b.Rate(&c)
		for _, part := range c.Cost {
			require.GreaterOrEqual(t, part, ledger.Money(0))
		}
		total := c.TotalCost()
		require.LessOrEqual(t, total, ledger.MaxMoney)
		if c.Unpriced != "" {
			require.Zero(t, total)
			require.Empty(t, c.PriceEntry)
			return
		}
		require.NotEmpty(t, c.PriceEntry)
	})
}

func FuzzRate(f *testing.F) {
	b := testBook(f)
	f.Add("maker", "m1", "", int64(1), int64(2), int64(3), int64(1763806800000000000))
	f.Add("maker", "", "batch", int64(-1), int64(1<<62), int64(0), int64(-5))
	f.Fuzz(func(t *testing.T, provider, model, tier string, in, read, out, start int64) {
		c := ledger.Call{Provider: provider, Model: model, ServiceTier: tier, Start: start}
		c.Usage.Tokens[ledger.FreshInput], c.Usage.Tokens[ledger.CacheRead], c.Usage.Tokens[ledger.TextOutput] = in, read, out
		b.Rate(&c)
		require.GreaterOrEqual(t, c.TotalCost(), ledger.Money(0))
		require.LessOrEqual(t, c.TotalCost(), ledger.MaxMoney)
		require.Equal(t, c.Unpriced == "", c.PriceEntry != "")
	})
}

// Names that nobody sells don't fill the memory.
func TestUnknownNamesAreBounded(t *testing.T) {
	b := testBook(t)
	for i := range 3 * maxResolved {
		c := call(string(rune('a'+i%26))+time.Duration(i).String(), map[ledger.Bucket]int64{ledger.FreshInput: 1})
		b.Rate(&c)
		require.Equal(t, ledger.UnpricedModel, c.Unpriced)
	}
	require.LessOrEqual(t, len(*b.resolved.Load()), maxResolved)
}

func BenchmarkRate(b *testing.B) {
	book := builtin(b)
	c := ledger.Call{Provider: "openai", Model: "gpt-4o-mini-2024-07-18", Start: testTime.UnixNano()}
	c.Usage.Tokens = [ledger.NumBuckets]int64{ledger.FreshInput: 176, ledger.CacheRead: 1024, ledger.TextOutput: 321, ledger.Reasoning: 64}
	b.ReportAllocs()
	for b.Loop() {
		book.Rate(&c)
	}
}
