package genai

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// readCost keeps the cost that the emitter calculated itself. A double stands for the shortest decimal that reads back as it,
// rounded half to even to 10⁻¹² USD. Zero is no cost: unknown prices are written so.
func readCost(s *scratch, c *ledger.Call) {
	if currency := s.text(fCurrency); currency != "" && currency != "USD" {
		return // not to be compared with ours
	}
	var text string
	switch {
	case s.has(fCost):
		text = decimal(s.value(fCost))
	case s.has(fCostDetails):
		if text = totalOf(s.text(fCostDetails)); text == "" {
			return
		}
	default:
		return
	}
	m, ok := parseCost(text)
	if !ok {
		c.Flags |= ledger.FlagBadCount
		return
	}
	if m == 0 {
		return // what emitters write when they know no price
	}
	c.ProvidedCost = m
	c.Flags |= ledger.FlagHasProvided
}

// decimal is a number as it is written.
func decimal(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeDouble:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10)
	case pcommon.ValueTypeStr:
		return v.Str()
	}
	return ""
}

// totalOf is the total of Langfuse's cost details, an object as JSON; empty without one.
func totalOf(details string) string {
	var d struct {
		Total json.Number `json:"total"`
	}
	if len(details) > maxAnswer || json.Unmarshal([]byte(details), &d) != nil {
		return ""
	}
	return d.Total.String()
}

// parseCost reads a non-negative decimal, with an exponent or not, of any number of places.
func parseCost(s string) (ledger.Money, bool) {
	if len(s) > 64 || strings.HasPrefix(s, "-") {
		return 0, false
	}
	if m, err := ledger.ParseMoney(s); err == nil {
		return m, true
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if exp, err := strconv.Atoi(s[i+1:]); err != nil || exp > 12 || exp < -400 {
			return 0, false
		}
	}
	for i := range len(s) {
		if !strings.ContainsRune("0123456789.eE+-", rune(s[i])) {
			return 0, false
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, false
	}
	r.Mul(r, new(big.Rat).SetInt64(int64(ledger.USD)))
	q, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if c := rest.Lsh(rest, 1).Cmp(r.Denom()); c > 0 || (c == 0 && q.Bit(0) == 1) {
		q.Add(q, big.NewInt(1))
	}
	if !q.IsInt64() || q.Int64() < 0 || q.Int64() > int64(ledger.MaxMoney) {
		return 0, false
	}
	return ledger.Money(q.Int64()), true
}
