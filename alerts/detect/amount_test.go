package detect

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestIntegerRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := ledger.SumOf(ledger.Money(rapid.Int64().Draw(t, "a")))
		back, err := FromInteger(Integer(s))
		require.NoError(t, err)
		require.Equal(t, s, back)
	})
}

// Reaching the scaled amount is the same as reaching the rate, compared as fractions.
func TestScaledIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		money := rapid.Int64Range(0, int64(ledger.MaxMoney))
		base := Rate{ledger.SumOf(ledger.Money(money.Draw(t, "base"))), time.Duration(rapid.Int64Range(1, 3600).Draw(t, "in")) * time.Second}
		factor := ledger.SumOf(ledger.Money(rapid.Int64Range(1, 100*int64(ledger.USD)).Draw(t, "factor")))
		window := time.Duration(rapid.Int64Range(1, 300).Draw(t, "window")) * time.Second
		spend := ledger.SumOf(ledger.Money(money.Draw(t, "spend")))

		need, err := base.Scaled(factor, window)
		require.NoError(t, err)
		left := new(big.Rat).SetFrac(Integer(spend), big.NewInt(int64(window)))
		right := new(big.Rat).SetFrac(Integer(base.Spend), big.NewInt(int64(base.In)))
		right.Mul(right, new(big.Rat).SetFrac(Integer(factor), big.NewInt(int64(ledger.USD))))
		require.Equal(t, left.Cmp(right) >= 0, spend.Cmp(need) >= 0)
	})
}
