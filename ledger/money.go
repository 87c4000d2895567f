package ledger

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// Money is an amount in units of 10⁻¹² USD. One call's amount must stay inside ±MaxMoney, which is what a
// ClickHouse Decimal(18,12) holds; sums of many calls are kept in Sum.
type Money int64

const (
	// MoneyScale is the number of decimal places of Money and Sum.
	MoneyScale = 12
	// USD is one US dollar.
	USD Money = 1_000_000_000_000
	// MaxMoney is the largest amount of one call: 999,999.999999999999 USD, the end of Decimal(18,12).
	MaxMoney Money = 999_999_999_999_999_999
)

// ErrOverflow says that an amount left the range that can be stored. A call whose cost overflows is stored as
// unpriced with reason "overflow"; it is never clamped.
var ErrOverflow = errors.New("amount out of range")

// Add returns m + o, or ErrOverflow if the result is outside ±MaxMoney.
func (m Money) Add(o Money) (Money, error) {
	s := m + o
	if (o > 0 && s < m) || (o < 0 && s > m) || s > MaxMoney || s < -MaxMoney {
		return 0, fmt.Errorf("%s + %s: %w", m, o, ErrOverflow)
	}
	return s, nil
}

// String writes the amount as a plain decimal with 12 places, for example "0.000012500000".
func (m Money) String() string { return SumOf(m).String() }

// Short writes the amount without trailing zeros, at least two places: "0.0000125", "3.00".
func (m Money) Short() string {
	var buf [24]byte
	return string(m.AppendShort(buf[:0]))
}

// AppendShort appends what Short writes, at most 22 bytes.
func (m Money) AppendShort(b []byte) []byte {
	if m == math.MinInt64 {
		return append(b, SumOf(m).Short()...)
	}
	v := uint64(max(m, -m))
	whole, places := v/uint64(USD), v%uint64(USD)
	var buf [24]byte
	for at := len(buf) - 2; at >= len(buf)-MoneyScale; at -= 2 { // two digits at a time
		two := places % 100
		places /= 100
		buf[at], buf[at+1] = '0'+byte(two/10), '0'+byte(two%10)
	}
	at := len(buf) - MoneyScale - 1
	buf[at] = '.'
	for {
		at--
		buf[at] = '0' + byte(whole%10)
		if whole /= 10; whole == 0 {
			break
		}
	}
	if m < 0 {
		at--
		buf[at] = '-'
	}
	end := len(buf)
	for end > len(buf)-MoneyScale+2 && buf[end-1] == '0' {
		end--
	}
	return append(b, buf[at:end]...)
}

// ParseMoney reads a plain decimal ("-1.5", "0.000001") exactly. More than 12 places, exponents and amounts beyond
// ±MaxMoney are errors.
func ParseMoney(s string) (Money, error) {
	sum, err := ParseSum(s)
	if err != nil {
		return 0, err
	}
	m, ok := sum.Money()
	if !ok {
		return 0, fmt.Errorf("amount %q: %w", s, ErrOverflow)
	}
	return m, nil
}

// Sum is a 128-bit two's complement amount in units of 10⁻¹² USD: what a ClickHouse Decimal(38,12) holds. The zero
// value is zero. Sum is comparable with ==.
type Sum struct {
	hi int64
	lo uint64
}

// SumOf widens one amount.
func SumOf(m Money) Sum { return Sum{hi: int64(m) >> 63, lo: uint64(m)} }

// Add returns s + o. 128 bits hold 10²⁶ USD; overflow panics, since no stored data can reach it.
func (s Sum) Add(o Sum) Sum {
	lo, carry := bits.Add64(s.lo, o.lo, 0)
	hi, _ := bits.Add64(uint64(s.hi), uint64(o.hi), carry)
	r := Sum{int64(hi), lo}
	if s.hi >= 0 == (o.hi >= 0) && r.hi >= 0 != (s.hi >= 0) {
		panic("ledger: sum of amounts exceeds 128 bits")
	}
	return r
}

// AddMoney returns s + m.
func (s Sum) AddMoney(m Money) Sum { return s.Add(SumOf(m)) }

// Neg returns -s.
func (s Sum) Neg() Sum {
	lo, borrow := bits.Sub64(0, s.lo, 0)
	hi, _ := bits.Sub64(0, uint64(s.hi), borrow)
	return Sum{int64(hi), lo}
}

// Sub returns s - o.
func (s Sum) Sub(o Sum) Sum { return s.Add(o.Neg()) }

// Sign returns -1, 0 or 1.
func (s Sum) Sign() int {
	switch {
	case s.hi < 0:
		return -1
	case s.hi == 0 && s.lo == 0:
		return 0
	}
	return 1
}

// Cmp returns -1, 0 or 1 as s is below, equal to or above o.
func (s Sum) Cmp(o Sum) int {
	switch {
	case s == o:
		return 0
	case s.hi < o.hi || (s.hi == o.hi && s.lo < o.lo):
		return -1
	}
	return 1
}

// Money narrows the sum; ok is false outside ±MaxMoney.
func (s Sum) Money() (m Money, ok bool) {
	m = Money(s.lo)
	if SumOf(m) != s || m > MaxMoney || m < -MaxMoney {
		return 0, false
	}
	return m, true
}

// Words are the two halves of the 128 bits, as a ClickHouse Decimal(38,12) column stores them.
func (s Sum) Words() (hi int64, lo uint64) { return s.hi, s.lo }

// Float64 is for drawing only (bars, axes, gauges); no amount is ever computed from it.
func (s Sum) Float64() float64 {
	if s.hi < 0 && s.Neg().hi >= 0 {
		return -s.Neg().Float64() // the words of a small negative number would cancel each other
	}
	return (float64(s.hi)*(1<<64) + float64(s.lo)) / float64(USD)
}

// String writes the sum as a plain decimal with 12 places.
func (s Sum) String() string {
	neg := s.hi < 0
	if neg {
		s = s.Neg()
	}
	// s = q·10¹⁸ + r, by long division of the two words.
	const e18 = 1_000_000_000_000_000_000
	qh := uint64(s.hi) / e18
	ql, r := bits.Div64(uint64(s.hi)%e18, s.lo, e18)
	digits := fmt.Sprintf("%018d", r)
	switch {
	case qh > 0:
		// 128 bits are below 1.8·10³⁸ = 1.8·10²·10³⁶: three groups suffice.
		g, r2 := bits.Div64(qh, ql, e18)
		digits = fmt.Sprintf("%d%018d%s", g, r2, digits)
	case ql > 0:
		digits = fmt.Sprintf("%d%s", ql, digits)
	}
	whole := strings.TrimLeft(digits[:len(digits)-MoneyScale], "0")
	if whole == "" {
		whole = "0"
	}
	out := whole + "." + digits[len(digits)-MoneyScale:]
	if neg {
		return "-" + out
	}
	return out
}

// Short writes the sum without trailing zeros, at least two places.
func (s Sum) Short() string { return trimZeros(s.String()) }

func trimZeros(s string) string {
	dot := strings.IndexByte(s, '.')
	for len(s) > dot+3 && s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	return s
}

// ParseSum reads a plain decimal exactly: an optional minus sign, digits, and at most 12 decimal places.
func ParseSum(s string) (Sum, error) {
	text := s
	neg := strings.HasPrefix(text, "-")
	text = strings.TrimPrefix(text, "-")
	whole, frac, point := strings.Cut(text, ".")
	if whole == "" || len(whole) > 26 || (point && frac == "") {
		return Sum{}, fmt.Errorf("amount %q: want a plain decimal of at most 26 digits before the point", s)
	}
	for len(frac) > MoneyScale && strings.HasSuffix(frac, "0") {
		frac = frac[:len(frac)-1]
	}
	if len(frac) > MoneyScale {
		return Sum{}, fmt.Errorf("amount %q: more than %d decimal places", s, MoneyScale)
	}
	frac += strings.Repeat("0", MoneyScale-len(frac))
	var v Sum
	for _, c := range whole + frac {
		if c < '0' || c > '9' {
			return Sum{}, fmt.Errorf("amount %q: want a plain decimal like 12.5", s)
		}
		h, l := bits.Mul64(v.lo, 10)
		v = Sum{v.hi*10 + int64(h), l}.Add(Sum{0, uint64(c - '0')})
	}
	if neg {
		v = v.Neg()
	}
	return v, nil
}
