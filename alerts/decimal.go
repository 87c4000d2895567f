package alerts

import (
	"strings"

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
