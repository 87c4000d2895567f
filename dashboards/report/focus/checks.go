package focus

import (
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
)

// checks look at the header and return what is wrong in it.
var checks = map[string]func(r Rule, header []string) []string{
	"present": func(r Rule, header []string) []string {
		if slices.Contains(header, r.Column) {
			return nil
		}
		return []string{""}
	},
	"known": func(r Rule, header []string) (bad []string) {
		for i, name := range header {
			if slices.Contains(header[:i], name) || (!slices.Contains(r.Values, name) && !strings.HasPrefix(name, "x_")) {
				bad = append(bad, name)
			}
		}
		return bad
	},
	"custom_last": func(_ Rule, header []string) (bad []string) {
		custom := false
		for _, name := range header {
			if strings.HasPrefix(name, "x_") {
				custom = true
			} else if custom {
				bad = append(bad, name)
			}
		}
		return bad
	},
}

// rowChecks say whether a row's value is right; a null is right for all but not_null.
var rowChecks = map[string]func(v *validator, i int, r *Rule, value string) bool{
	"not_null": func(_ *validator, _ int, _ *Rule, value string) bool { return strings.TrimSpace(value) != "" },
	"null_is":  func(_ *validator, _ int, _ *Rule, value string) bool { return value == "" },
	"allowed": func(_ *validator, _ int, r *Rule, value string) bool {
		return value == "" || slices.Contains(r.Values, value)
	},
	"placeholder": func(_ *validator, _ int, r *Rule, value string) bool {
		return value == "" || !slices.Contains(r.Values, value)
	},
	"equals": func(v *validator, _ int, r *Rule, value string) bool {
		return value == "" || sameNumber(value, v.value(r.Other))
	},
	"before": func(v *validator, _ int, r *Rule, value string) bool {
		a, err1 := time.Parse(instantFormat, value)
		b, err2 := time.Parse(instantFormat, v.value(r.Other))
		return err1 != nil || err2 != nil || a.Before(b) // a value of another type is told by its own rule
	},
	"product": func(v *validator, _ int, r *Rule, value string) bool {
		price, quantity, cost := number(v.value(r.Other)), number(v.value("PricingQuantity")), number(value)
		return price == nil || quantity == nil || cost == nil || price.Mul(price, quantity).Cmp(cost) == 0
	},
	"one_to_one": func(v *validator, i int, r *Rule, value string) bool {
		if value == "" {
			return true
		}
		other := v.value(r.Other)
		if have, ok := v.seen[i][value]; ok {
			return have == other
		}
		v.seen[i][value] = other
		return true
	},
	"non_negative": func(_ *validator, _ int, _ *Rule, value string) bool {
		n := number(value)
		return n == nil || n.Sign() >= 0
	},
	"type": func(_ *validator, _ int, r *Rule, value string) bool { return value == "" || types[r.Type](value) },
}

const instantFormat = "2006-01-02T15:04:05Z"

var (
	// decimal is the Numeric Format attribute: no sign before a positive number, E notation with a sign only if negative.
	decimal  = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?(E-?[0-9]{1,3})?$`)
	currency = regexp.MustCompile(`^[A-Z]{3}$`) // ISO 4217, by its form
	// unit is the Unit Format attribute: "GB", "GB-Hours", "GB/Hour", "1000 Tokens", "Units/3 Months".
	unit = regexp.MustCompile(`^([0-9]+ )?[A-Z][A-Za-z]*(-[A-Z][A-Za-z]*s)?(/([0-9]+ )?[A-Z][A-Za-z]*)?$`)
)

var types = map[string]func(string) bool{
	"decimal":  decimal.MatchString,
	"currency": currency.MatchString,
	"unit":     unit.MatchString,
	"datetime": func(s string) bool {
		_, err := time.Parse(instantFormat, s)
		return err == nil && len(s) == len(instantFormat)
	},
	"json": keyValues,
}

// keyValues is the Key-Value Format attribute: an object with unique keys and no objects or arrays in it.
func keyValues(s string) bool {
	d := json.NewDecoder(strings.NewReader(s))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		name, isText := key.(string)
		if err != nil || !isText || seen[name] {
			return false
		}
		seen[name] = true
		value, err := d.Token()
		if _, nested := value.(json.Delim); err != nil || nested {
			return false
		}
	}
	_, err := d.Token()
	return err == nil && !d.More()
}

// number is exact; nil is no number.
func number(s string) *big.Rat {
	if !decimal.MatchString(s) {
		return nil
	}
	n, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil
	}
	return n
}

func sameNumber(a, b string) bool {
	x, y := number(a), number(b)
	return x == nil || y == nil || x.Cmp(y) == 0
}
