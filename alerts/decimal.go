package alerts

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Decimal is an exact number in configuration: an amount in USD or a factor. In YAML it is written as a number or a
// quoted string (12.5 or "12.5") and read digit by digit, never through a float.
type Decimal struct{ ledger.Sum }

// USD makes a Decimal of an amount.
func USD(m ledger.Money) Decimal { return Decimal{ledger.SumOf(m)} }

// ParseDecimal reads a plain decimal of at most 12 places.
func ParseDecimal(s string) (Decimal, error) {
	sum, err := ledger.ParseSum(s)
	return Decimal{sum}, err
}

// UnmarshalYAML reads the value's own text.
func (d *Decimal) UnmarshalYAML(text []byte) (err error) {
	s := strings.TrimSpace(string(text))
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		s = s[1 : len(s)-1]
	}
	*d, err = ParseDecimal(strings.ReplaceAll(s, "_", ""))
	return err
}

// MarshalYAML writes a string, so that no reader makes a float of it.
func (d Decimal) MarshalYAML() (any, error) { return d.Short(), nil }

// integer is the amount in units of 10⁻¹² as an unbounded integer, for comparisons by cross-multiplication.
func integer(s ledger.Sum) *big.Int {
	n, ok := new(big.Int).SetString(strings.Replace(s.String(), ".", "", 1), 10)
	if !ok {
		panic("alerts: a sum's text is not a decimal: " + s.String())
	}
	return n
}

// fromInteger is the inverse of integer; amounts that no sum can hold become an error.
func fromInteger(n *big.Int) (ledger.Sum, error) {
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

// percent is the smallest amount that is at least p percent of s.
func percent(s ledger.Sum, p int) (ledger.Sum, error) {
	n := new(big.Int).Mul(integer(s), big.NewInt(int64(p)))
	return fromInteger(ceilDiv(n, big.NewInt(100)))
}

// rate is an amount spent in a time.
type rate struct {
	spend ledger.Sum
	in    time.Duration
}

// scaled is the smallest amount that, spent in d, is a rate of at least factor times r. factor has 12 decimal places.
// A spend reaches it exactly if spend/d ≥ factor·r.spend/r.in, so comparing with it is comparing the rates exactly.
func (r rate) scaled(factor ledger.Sum, d time.Duration) (ledger.Sum, error) {
	if r.in <= 0 {
		return ledger.Sum{}, fmt.Errorf("rate over %s", r.in)
	}
	n := new(big.Int).Mul(integer(r.spend), integer(factor))
	n.Mul(n, big.NewInt(int64(d)))
	by := new(big.Int).Mul(big.NewInt(int64(r.in)), big.NewInt(int64(ledger.USD)))
	return fromInteger(ceilDiv(n, by))
}

func ceilDiv(a, b *big.Int) *big.Int {
	q, m := new(big.Int).DivMod(a, b, new(big.Int)) // Euclidean: the remainder is never negative
	if m.Sign() > 0 {
		q.Add(q, big.NewInt(1))
	}
	return q
}
