package ledger

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// genSum draws sums of every size, the corners of 64 and 128 bits included.
func genSum() *rapid.Generator[Sum] {
	return rapid.Custom(func(t *rapid.T) Sum {
		lo := rapid.Uint64().Draw(t, "lo")
		switch rapid.IntRange(0, 3).Draw(t, "size") {
		case 0:
			return SumOf(Money(rapid.Int64().Draw(t, "money")))
		case 1:
			return Sum{0, lo}
		case 2:
			return Sum{-1, lo}
		}
		return Sum{rapid.Int64Range(-1<<61, 1<<61).Draw(t, "hi"), lo}
	})
}

func toBig(s Sum) *big.Int {
	b := new(big.Int).Lsh(big.NewInt(s.hi), 64)
	return b.Add(b, new(big.Int).SetUint64(s.lo))
}

func bigDecimal(b *big.Int) string {
	digits := new(big.Int).Abs(b).String()
	if len(digits) <= MoneyScale {
		digits = strings.Repeat("0", MoneyScale+1-len(digits)) + digits
	}
	out := digits[:len(digits)-MoneyScale] + "." + digits[len(digits)-MoneyScale:]
	if b.Sign() < 0 {
		return "-" + out
	}
	return out
}

func TestSumIsABigInteger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genSum().Draw(t, "a"), genSum().Draw(t, "b")
		x, y := toBig(a), toBig(b)
		require.Zero(t, toBig(a.Add(b)).Cmp(new(big.Int).Add(x, y)))
		require.Zero(t, toBig(a.Sub(b)).Cmp(new(big.Int).Sub(x, y)))
		require.Zero(t, toBig(a.Neg()).Cmp(new(big.Int).Neg(x)))
		require.Equal(t, x.Sign(), a.Sign())
		require.Equal(t, x.Cmp(y), a.Cmp(b))
		require.Equal(t, bigDecimal(x), a.String())
		back, err := ParseSum(a.String())
		require.NoError(t, err)
		require.Equal(t, a, back)
		back, err = ParseSum(a.Short())
		require.NoError(t, err)
		require.Equal(t, a, back)
		m, ok := a.Money()
		require.Equal(t, x.IsInt64() && new(big.Int).Abs(x).Cmp(big.NewInt(int64(MaxMoney))) <= 0, ok)
		if ok {
			require.Equal(t, x.Int64(), int64(m))
		}
		want, _ := new(big.Float).Quo(new(big.Float).SetInt(x), big.NewFloat(1e12)).Float64()
		require.InEpsilon(t, want+1e-300, a.Float64()+1e-300, 1e-9)
	})
}

func TestSumOverflowPanics(t *testing.T) {
	top := Sum{math.MaxInt64, math.MaxUint64}
	require.Panics(t, func() { top.AddMoney(1) })
	require.Panics(t, func() { top.Neg().Sub(SumOf(2)) })
	require.Equal(t, "170141183460469231731687303.715884105727", top.String())
	require.Equal(t, "-170141183460469231731687303.715884105728", Sum{math.MinInt64, 0}.String())
}

func TestMoneyAdd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := Money(rapid.Int64().Draw(t, "a")), Money(rapid.Int64().Draw(t, "b"))
		want := new(big.Int).Add(big.NewInt(int64(a)), big.NewInt(int64(b)))
		got, err := a.Add(b)
		if new(big.Int).Abs(want).Cmp(big.NewInt(int64(MaxMoney))) > 0 {
			require.ErrorIs(t, err, ErrOverflow)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want.Int64(), int64(got))
	})
}

func TestShortIsTheSumsShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Money(rapid.Int64().Draw(t, "m"))
		require.Equal(t, SumOf(m).Short(), m.Short())
	})
	for _, m := range []Money{0, 1, -1, USD, -USD, 10, MaxMoney, math.MinInt64, math.MaxInt64} {
		require.Equal(t, SumOf(m).Short(), m.Short())
	}
}

func TestParseMoney(t *testing.T) {
	for in, want := range map[string]Money{
		"0": 0, "-0": 0, "1": USD, "1.5": USD * 3 / 2, "-1.5": -USD * 3 / 2, "0.000000000001": 1, "0.0000000000010": 1,
		"999999.999999999999": MaxMoney, "-999999.999999999999": -MaxMoney, "0000000001": USD,
	} {
		got, err := ParseMoney(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{
		"", ".", "-", "1.", ".5", "+1", "--1", "1e3", "1,5", "0x1", " 1", "1 ", "NaN", "0.0000000000001", "1.2.3", "١",
		"99999999999999999999999999",
	} {
		_, err := ParseMoney(in)
		require.Error(t, err, in)
		require.Contains(t, err.Error(), in)
	}
	_, err := ParseMoney("1000000")
	require.True(t, errors.Is(err, ErrOverflow))
}

func TestShort(t *testing.T) {
	for in, want := range map[string]string{"0": "0.00", "3": "3.00", "0.0000125": "0.0000125", "-1.10": "-1.10", "100": "100.00"} {
		m, err := ParseMoney(in)
		require.NoError(t, err)
		require.Equal(t, want, m.Short())
	}
}

func FuzzParseSum(f *testing.F) {
	for _, s := range []string{"0", "-1.5", "1e3", "0.000000000001", "9999999999999999999999999.999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseSum(s)
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(s)
		require.True(t, ok)
		want.Mul(want, new(big.Rat).SetInt64(int64(USD)))
		require.True(t, want.IsInt())
		require.Zero(t, want.Num().Cmp(toBig(v)))
	})
}
