package report

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Split divides an amount into parts in proportion to the weights, in whole units of 10⁻¹² USD. What rounding down leaves goes,
// a unit each, to the parts with the largest remainders, the earlier first: the parts add up to the amount. Weights must
// not be negative nor all be zero.
func Split(amount ledger.Sum, weights []*big.Int) []ledger.Sum {
	whole, sum := new(big.Int), new(big.Int)
	for _, w := range weights {
		sum.Add(sum, w)
	}
	negative := amount.Sign() < 0
	if negative {
		amount = amount.Neg()
	}
	whole.Set(bigOf(amount))
	type part struct {
		at        int
		units     *big.Int
		remainder *big.Int
	}
	parts := make([]part, len(weights))
	left := new(big.Int).Set(whole)
	for i, w := range weights {
		q, r := new(big.Int).QuoRem(new(big.Int).Mul(whole, w), sum, new(big.Int))
		parts[i] = part{i, q, r}
		left.Sub(left, q)
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Or(b.remainder.Cmp(a.remainder), cmp.Compare(a.at, b.at)) })
	for i := range left.Int64() { // fewer than there are parts
		parts[i].units.Add(parts[i].units, big.NewInt(1))
	}
	out := make([]ledger.Sum, len(weights))
	for _, p := range parts {
		out[p.at] = sumOf(p.units)
		if negative {
			out[p.at] = out[p.at].Neg()
		}
	}
	return out
}

// share is Split by name, names in their order.
func share(amount ledger.Sum, weights map[string]*big.Int) map[string]ledger.Sum {
	var names []string
	for name := range weights {
		names = append(names, name)
	}
	slices.Sort(names)
	list := make([]*big.Int, len(names))
	for i, name := range names {
		list[i] = weights[name]
	}
	out := map[string]ledger.Sum{}
	for i, part := range Split(amount, list) {
		out[names[i]] = part
	}
	return out
}

func addTo(weights map[string]*big.Int, name string, n *big.Int) {
	if weights[name] == nil {
		weights[name] = new(big.Int)
	}
	weights[name].Add(weights[name], n)
}

// bigOf is an amount in units of 10⁻¹² USD.
func bigOf(s ledger.Sum) *big.Int {
	hi, lo := s.Words()
	n := new(big.Int).Lsh(big.NewInt(hi), 64)
	return n.Add(n, new(big.Int).SetUint64(lo))
}

// sumOf is the opposite of bigOf, for what is not negative and a part of an amount.
func sumOf(n *big.Int) ledger.Sum {
	digits := fmt.Sprintf("%0*s", ledger.MoneyScale+1, n.String())
	point := len(digits) - ledger.MoneyScale
	sum, err := ledger.ParseSum(digits[:point] + "." + digits[point:])
	if err != nil {
		panic(err) // a part is no larger than the whole, which fitted
	}
	return sum
}
