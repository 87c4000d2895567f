package reconcile

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

var decimalText = regexp.MustCompile(`^([+-]?)([0-9]{1,30})(?:\.([0-9]{1,60}))?(?:[eE]([+-]?[0-9]{1,2}))?$`)

// amount is one line's money.
type amount struct {
	ledger.Sum
	places  int  // decimal places as written, without trailing zeros
	rounded bool // it was written with more than the ledger keeps
}

var ten = big.NewInt(10)

func power(n int) *big.Int { return new(big.Int).Exp(ten, big.NewInt(int64(n)), nil) }

// parseAmount reads a decimal as exports write it (1.5, -0.06, 1.2e-05) times 10^shift, exactly; beyond 10⁻¹² USD it rounds
// half to even.
func parseAmount(text string, shift int) (amount, error) {
	m := decimalText.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return amount{}, fmt.Errorf("amount %q: want a plain decimal such as 12.5, without currency signs or separators", text)
	}
	digits, exponent := new(big.Int), shift-len(m[3])
	digits.SetString(m[2]+m[3], 10)
	if m[4] != "" {
		e, err := strconv.Atoi(m[4])
		if err != nil {
			return amount{}, fmt.Errorf("amount %q: %w", text, err)
		}
		exponent += e
	}
	a := amount{places: placesOf(digits, exponent)}
	units := new(big.Int)
	if n := exponent + ledger.MoneyScale; n >= 0 {
		units.Mul(digits, power(n))
	} else {
		units, a.rounded = halfEven(digits, power(-n))
	}
	const most = 15 // digits before the point: no bill is larger
	if units.CmpAbs(power(most+ledger.MoneyScale)) >= 0 {
		return amount{}, fmt.Errorf("amount %q: larger than any bill (10^%d USD)", text, most)
	}
	plain := fmt.Sprintf("%0*s", ledger.MoneyScale+1, units.String())
	point := len(plain) - ledger.MoneyScale
	sum, err := ledger.ParseSum(plain[:point] + "." + plain[point:])
	if err != nil {
		return amount{}, err
	}
	if a.Sum = sum; m[1] == "-" {
		a.Sum = sum.Neg()
	}
	return a, nil
}

// placesOf is how many decimal places digits × 10^exponent has.
func placesOf(digits *big.Int, exponent int) int {
	if digits.Sign() == 0 {
		return 0
	}
	d, r := new(big.Int).Set(digits), new(big.Int)
	for exponent < 0 {
		q, _ := new(big.Int).QuoRem(d, ten, r)
		if r.Sign() != 0 {
			break
		}
		d = q
		exponent++
	}
	return max(0, -exponent)
}

// halfEven divides and rounds.
func halfEven(n, by *big.Int) (q *big.Int, inexact bool) {
	q, r := new(big.Int).QuoRem(n, by, new(big.Int))
	switch twice := new(big.Int).Lsh(r, 1); twice.Cmp(by) {
	case 1:
		q.Add(q, big.NewInt(1))
	case 0:
		if q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
	}
	return q, r.Sign() != 0
}

// times is n × s, for n that isn't negative.
func times(s ledger.Sum, n int64) ledger.Sum {
	var out ledger.Sum
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			out = out.Add(s)
		}
		if n > 1 {
			s = s.Add(s)
		}
	}
	return out
}

func abs(s ledger.Sum) ledger.Sum {
	if s.Sign() < 0 {
		return s.Neg()
	}
	return s
}

func least(a, b ledger.Sum) ledger.Sum {
	if b.Cmp(a) < 0 {
		return b
	}
	return a
}
