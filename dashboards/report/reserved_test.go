package report

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Whoever used how much of it, the shares of an amount are the amount, and so are its used and idle parts.
func TestSharesOfReservedCapacityAreTheAmount(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		r := Reserved{Amount: Amount{ledger.SumOf(ledger.Money(1 + rnd.Int64N(1e17)))}}
		if rnd.IntN(2) == 0 {
			r.Tenants = []string{"acme", "globex"}
		}
		if rnd.IntN(2) == 0 {
			r.Capacity = new(1 + rnd.Uint64N(1e9))
		}
		var served []servedTokens
		for range rnd.IntN(6) {
			served = append(served, servedTokens{tenant: []string{"acme", "globex", "initech"}[rnd.IntN(3)], calls: rnd.Uint64N(100), tokens: rnd.Uint64N(1e9) * rnd.Uint64N(2)})
		}
		spent := map[string]Amount{}
		for _, tenant := range []string{"acme", "globex", "initech"} {
			if rnd.IntN(2) == 0 {
				spent[tenant] = Amount{ledger.SumOf(ledger.Money(rnd.Int64N(1e12)))}
			}
		}
		r.handOut(served, func(s servedTokens) bool { return s.calls%3 > 0 }, spent)
		var sum Amount
		var tokens uint64
		for _, s := range r.Shares {
			sum, tokens = sum.Plus(s.Amount), tokens+s.Tokens
			require.False(t, r.Rule == ByTokens && s.Tokens == 0 && s.Amount.Sign() != 0)
		}
		require.Equal(t, r.Amount, sum, "seed %d", seed)
		if r.Rule == ByTokens {
			require.Equal(t, r.Tokens, tokens)
		}
		if r.Idle != nil {
			require.Equal(t, r.Amount, r.Used.Plus(*r.Idle))
		}
	}
}

// However a reservation's time is cut, the parts are the whole.
func TestPartsOfTimeAreTheWhole(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		whole := 1 + rnd.Int64N(int64(400*24*time.Hour))
		amount := ledger.SumOf(ledger.Money(rnd.Int64N(1e17)))
		var sum ledger.Sum
		for at := int64(0); at < whole; {
			next := min(whole, at+1+rnd.Int64N(whole))
			sum = sum.Add(between(amount, at, next, whole))
			at = next
		}
		require.Equal(t, amount, sum)
	}
}

func TestUtilisation(t *testing.T) {
	for _, c := range []struct {
		tokens, capacity uint64
		want             string
	}{{0, 100, "0.0 %"}, {125, 1000, "12.5 %"}, {1, 3, "33.3 %"}, {2, 3, "66.7 %"}, {300, 100, "300.0 %"}} {
		require.Equal(t, c.want, (&Reserved{Tokens: c.tokens, Capacity: &c.capacity}).Utilisation())
	}
	require.Contains(t, (&Reserved{Tokens: 5}).Utilisation(), "tokens_per_minute")
}
