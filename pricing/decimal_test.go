package pricing

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tollkeeper/tollkeeper/ledger"
	"pgregory.net/rapid"
)

func genPrice() *rapid.Generator[Price] {
	return rapid.Custom(func(t *rapid.T) Price {
		digits := rapid.OneOf(rapid.Uint64Range(0, 99_999), rapid.Uint64Range(0, maxDigits)).Draw(t, "digits")
		return Price{digits, uint8(rapid.IntRange(0, maxExp).Draw(t, "exp"))}.normal()
	})
}

func genCount() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64Range(0, 10_000_000), rapid.Int64Range(0, 1<<53))
}

func rat(p Price) *big.Rat {
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(p.exp)), nil)
	return new(big.Rat).SetFrac(new(big.Int).SetUint64(p.digits), ten)
}

// exact is count × price in 10⁻¹² USD, not rounded.
func exact(p Price, count int64) *big.Rat {
	r := new(big.Rat).Mul(rat(p), new(big.Rat).SetInt64(count))
	return r.Mul(r, new(big.Rat).SetInt64(int64(ledger.USD)))
}

// roundHalfEven is the definition, by big integers.
func roundHalfEven(r *big.Rat) *big.Int {
	q, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if c := rest.Lsh(rest, 1).Cmp(r.Denom()); c > 0 || (c == 0 && q.Bit(0) == 1) {
		q.Add(q, big.NewInt(1))
	}
	return q
}

func TestAmountIsExactAndRoundedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, n := genPrice().Draw(t, "price"), genCount().Draw(t, "count")
		want := roundHalfEven(exact(p, n))
		got, ok := p.Amount(n)
		require.Equal(t, want.IsInt64() && want.Int64() <= int64(ledger.MaxMoney), ok)
		if ok {
			require.Equal(t, want.Int64(), int64(got))
		}
	})
}

func TestAmountCorners(t *testing.T) {
	half := Price{5, 13} // half of 10⁻¹² USD
	for n, want := range map[int64]ledger.Money{0: 0, 1: 0, 2: 1, 3: 2, 5: 2, 7: 4, 9: 4} {
		got, ok := half.Amount(n)
		require.True(t, ok)
		require.Equal(t, want, got, "%d halves", n)
	}
	_, ok := half.Amount(-1)
	require.False(t, ok)
	_, ok = Price{1, 0}.Amount(1_000_000)
	require.False(t, ok, "a million dollars don't fit")
	got, ok := Price{maxDigits, 18}.Amount(1_000_000)
	require.True(t, ok)
	require.Equal(t, ledger.MaxMoney, got)
	// Deep decimals: the tie is broken by digits that two divisions apart.
	for _, p := range []Price{{5, 13}, {50000000000000000, 29}, {500000000000000001, 30}, {499999999999999999, 30}, {5, 36}} {
		want := roundHalfEven(exact(p, 1))
		got, ok := p.Amount(1)
		require.True(t, ok)
		require.Equal(t, want.Int64(), int64(got), p.String())
	}
}

func TestPriceText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genPrice().Filter(func(p Price) bool { return p.exp <= 18 }).Draw(t, "price")
		back, err := ParsePrice(p.String())
		require.NoError(t, err)
		require.Equal(t, p, back)
	})
	for _, s := range []string{"", ".", "1.", ".5", "-1", "+1", "1e3", "NaN", "1,5", " 1", "0x1", "1234567890123456789", "0.0000000000000000001"} {
		_, err := ParsePrice(s)
		require.Error(t, err, s)
	}
}

func TestTimesIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := genPrice().Draw(t, "p"), genPrice().Draw(t, "q")
		got, err := p.Times(q)
		if err != nil {
			return
		}
		require.Zero(t, new(big.Rat).Mul(rat(p), rat(q)).Cmp(rat(got)))
	})
	got, err := Price{25, 1}.Times(Price{85, 2})
	require.NoError(t, err)
	require.Equal(t, "2.125", got.String())
	_, err = Price{maxDigits, 0}.Times(Price{maxDigits, 0})
	require.Error(t, err)
}
