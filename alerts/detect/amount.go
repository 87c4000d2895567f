package detect

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// One is the factor 1.
var One = ledger.SumOf(ledger.USD)

// Integer is the amount in units of 10⁻¹² as an unbounded integer, for comparisons by cross-multiplication.
func Integer(s ledger.Sum) *big.Int {
	hi, lo := s.Words()
	n := big.NewInt(hi)
	return n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(lo))
}

// FromInteger is the inverse of Integer; amounts that no sum can hold become an error.
func FromInteger(n *big.Int) (ledger.Sum, error) {
	if n.IsInt64() {
		return ledger.SumOf(ledger.Money(n.Int64())), nil
	}
	digits := new(big.Int).Abs(n).String()
	if len(digits) <= ledger.MoneyScale {
		digits = strings.Repeat("0", ledger.MoneyScale+1-len(digits)) + digits
	}
	text := digits[:len(digits)-ledger.MoneyScale] + "." + digits[len(digits)-ledger.MoneyScale:]
	if n.Sign() < 0 {
		text = "-" + text
	}
	return ledger.ParseSum(text)
}

// Percent is the smallest amount that is at least p percent of s.
func Percent(s ledger.Sum, p int) (ledger.Sum, error) {
	return scale(s, big.NewInt(int64(p)), big.NewInt(100))
}

// scale is the smallest amount that is at least s·num/den.
func scale(s ledger.Sum, num, den *big.Int) (ledger.Sum, error) {
	return FromInteger(ceilDiv(new(big.Int).Mul(Integer(s), num), den))
}

// Rate is an amount spent in a time.
type Rate struct {
	Spend ledger.Sum
	In    time.Duration
}

// Scaled is the smallest amount that, spent in d, is a rate of at least factor times r. factor has 12 decimal places.
// A spend reaches it exactly if spend/d ≥ factor·r.Spend/r.In, so comparing with it is comparing the rates exactly.
func (r Rate) Scaled(factor ledger.Sum, d time.Duration) (ledger.Sum, error) {
	if r.In <= 0 {
		return ledger.Sum{}, fmt.Errorf("rate over %s", r.In)
	}
	n := new(big.Int).Mul(Integer(factor), big.NewInt(int64(d)))
	by := new(big.Int).Mul(big.NewInt(int64(r.In)), big.NewInt(int64(ledger.USD)))
	return scale(r.Spend, n, by)
}

func ceilDiv(a, b *big.Int) *big.Int {
	q, m := new(big.Int).DivMod(a, b, new(big.Int)) // Euclidean: the remainder is never negative
	if m.Sign() > 0 {
		q.Add(q, big.NewInt(1))
	}
	return q
}

// Median is the middle amount, the higher one of two: an amount that was really spent.
func Median(amounts []ledger.Sum) ledger.Sum {
	if len(amounts) == 0 {
		return ledger.Sum{}
	}
	sorted := slices.SortedFunc(slices.Values(amounts), ledger.Sum.Cmp)
	return sorted[len(sorted)/2]
}

func most(a, b ledger.Sum) ledger.Sum {
	if b.Cmp(a) > 0 {
		return b
	}
	return a
}
