package pricing

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Price is an exact, non-negative decimal amount of USD per token or per unit: digits × 10⁻ᵉˣᵖ. It holds 18 significant
// digits, more than any published price times any negotiated factor needs.
type Price struct {
	digits uint64
	exp    uint8
}

const (
	maxDigits = 999_999_999_999_999_999
	maxExp    = 36
)

// ParsePrice reads a plain non-negative decimal, such as 2.5 or 0.0028, exactly.
func ParsePrice(s string) (Price, error) {
	whole, frac, dot := strings.Cut(s, ".")
	if whole == "" || (dot && frac == "") {
		return Price{}, fmt.Errorf("price %q: want a plain decimal like 2.5", s)
	}
	var p Price
	for _, c := range []byte(whole + frac) {
		if c < '0' || c > '9' {
			return Price{}, fmt.Errorf("price %q: want a plain decimal like 2.5", s)
		}
		if p.digits > maxDigits/10 {
			return Price{}, fmt.Errorf("price %q: more than 18 digits", s)
		}
		p.digits = p.digits*10 + uint64(c-'0')
	}
	if len(frac) > maxExp/2 {
		return Price{}, fmt.Errorf("price %q: more than %d decimal places", s, maxExp/2)
	}
	p.exp = uint8(len(frac))
	return p.normal(), nil
}

// normal strips trailing zeros, so that equal prices are == and products stay small.
func (p Price) normal() Price {
	if p.digits == 0 {
		return Price{}
	}
	for p.exp > 0 && p.digits%10 == 0 {
		p.digits /= 10
		p.exp--
	}
	return p
}

// Times returns p × factor, exactly.
func (p Price) Times(factor Price) (Price, error) {
	hi, lo := bits.Mul64(p.digits, factor.digits)
	if hi != 0 || lo > maxDigits || p.exp+factor.exp > maxExp {
		return Price{}, fmt.Errorf("price %s × %s needs more than 18 digits", p, factor)
	}
	return Price{lo, p.exp + factor.exp}.normal(), nil
}

// shift returns p × 10⁻ⁿ.
func (p Price) shift(n uint8) Price {
	if p.digits == 0 {
		return p
	}
	return Price{p.digits, p.exp + n}
}

// String writes the plain decimal.
func (p Price) String() string {
	d := fmt.Sprintf("%0*d", int(p.exp)+1, p.digits)
	if p.exp == 0 {
		return d
	}
	return d[:len(d)-int(p.exp)] + "." + d[len(d)-int(p.exp):]
}

var pow10 = [20]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// Amount is count × p in 10⁻¹² USD, rounded once, half to even. ok is false when the count is negative or the amount is
// beyond ledger.MaxMoney.
func (p Price) Amount(count int64) (m ledger.Money, ok bool) {
	if count < 0 {
		return 0, false
	}
	hi, lo := bits.Mul64(uint64(count), p.digits)
	if p.exp <= ledger.MoneyScale {
		// Whole units: nothing to round.
		if hi != 0 {
			return 0, false
		}
		hi, lo = bits.Mul64(lo, pow10[ledger.MoneyScale-p.exp])
		return toMoney(hi, lo)
	}
	shift := int(p.exp) - ledger.MoneyScale
	// The remainder's lower part, if any was cut off below the last divisor, only matters for the tie.
	sticky := false
	for shift > 19 {
		var r uint64
		hi, lo, r = div128(hi, lo, pow10[19])
		sticky = sticky || r != 0
		shift -= 19
	}
	d := pow10[shift]
	hi, lo, r := div128(hi, lo, d)
	half := d / 2
	if r > half || (r == half && (sticky || lo&1 == 1)) {
		var carry uint64
		lo, carry = bits.Add64(lo, 1, 0)
		hi += carry
	}
	return toMoney(hi, lo)
}

// div128 divides the 128-bit hi:lo by d.
func div128(hi, lo, d uint64) (qhi, qlo, r uint64) {
	qhi, r = hi/d, hi%d
	qlo, r = bits.Div64(r, lo, d)
	return qhi, qlo, r
}

func toMoney(hi, lo uint64) (ledger.Money, bool) {
	if hi != 0 || lo > uint64(ledger.MaxMoney) {
		return 0, false
	}
	return ledger.Money(lo), true
}
