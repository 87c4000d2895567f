package report

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestPartsAreExactlyTheWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		amount := ledger.SumOf(ledger.Money(r.Int64N(2*int64(ledger.MaxMoney)) - int64(ledger.MaxMoney)))
		for range r.IntN(3) {
			amount = amount.Add(amount)
		}
		weights := make([]*big.Int, 1+r.IntN(7))
		for i := range weights {
			weights[i] = new(big.Int).SetUint64(r.Uint64N(1 << r.IntN(63)))
		}
		weights[r.IntN(len(weights))].SetInt64(1 + r.Int64N(1000))
		var sum ledger.Sum
		for i, part := range Split(amount, weights) {
			sum = sum.Add(part)
			require.False(t, weights[i].Sign() == 0 && part.Sign() != 0, "who has no weight gets nothing")
		}
		require.Equal(t, amount, sum)
	}
}

func TestSplit(t *testing.T) {
	one, two := big.NewInt(1), big.NewInt(2)
	got := Split(ledger.SumOf(10), []*big.Int{one, one, one})
	require.Equal(t, []ledger.Sum{ledger.SumOf(4), ledger.SumOf(3), ledger.SumOf(3)}, got)
	got = Split(ledger.SumOf(-10), []*big.Int{one, two})
	require.Equal(t, []ledger.Sum{ledger.SumOf(-3), ledger.SumOf(-7)}, got)
	require.Equal(t, ledger.SumOf(ledger.MaxMoney).Add(ledger.SumOf(ledger.MaxMoney)), sumOf(bigOf(ledger.SumOf(ledger.MaxMoney).Add(ledger.SumOf(ledger.MaxMoney)))))
}
