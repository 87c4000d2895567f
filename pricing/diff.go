package pricing

import (
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"sort"
	"strings"
	"time"
)

// Difference is one price that two books don't agree on: of one model, tier, context length, period and buyer.
type Difference struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Prices   string `json:"prices"`         // which calls it is for: "batch >200000", "standard for acme"
	From     string `json:"from,omitempty"` // of the price; empty = open, or of any time
	What     string `json:"what"`           // a bucket's or unit's name, "entry" for a table that only one book has, "factor" of a discount, or "to" for its end
	Old      string `json:"old,omitempty"`  // USD per million tokens or per unit, or a day; empty: none
	New      string `json:"new,omitempty"`
	Change   string `json:"change,omitempty"` // percent of the old price, to one decimal, half away from zero
}

// Diff is what changes from one book to another, by model. With a time for each book only what is in force then is held against
// each other, whatever its beginning; with zero times, all that the books ever had.
func Diff(before, after *Book, beforeAt, afterAt time.Time) []Difference {
	old, now := before.tables(beforeAt), after.tables(afterAt)
	keys := map[tableKey]bool{}
	for k := range old {
		keys[k] = true
	}
	for k := range now {
		keys[k] = true
	}
	var out []Difference
	for k := range keys {
		a, hasA := old[k]
		b, hasB := now[k]
		d := Difference{Provider: k.provider, Model: k.model, Prices: k.condition, From: k.from}
		if !hasA || !hasB {
			d.What = "entry"
			d.Old, d.New = said(&a, hasA), said(&b, hasB)
			out = append(out, d)
			continue
		}
		prices := append(d.prices(a.Million, b.Million), d.prices(a.Unit, b.Unit)...)
		if alike := len(prices) == len(a.Million)+len(a.Unit); alike && a.Factor != "" && b.Factor != "" && sameChange(prices) {
			d.What, d.Old, d.New, d.Change = "factor", a.Factor, b.Factor, prices[0].Change
			prices = []Difference{d}
		}
		out = append(out, prices...)
		if a.To != b.To && (beforeAt.IsZero() || afterAt.IsZero()) {
			d.What, d.Old, d.New = "to", or(a.To, none), or(b.To, none)
			out = append(out, d)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		return slices.Compare(out[i].order(), out[j].order()) < 0
	})
	return out
}

// sameChange reports whether all prices changed alike: then the discount did, and not what it is of.
func sameChange(all []Difference) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(d Difference) bool { return d.Change == "" || d.Change != all[0].Change })
}

func (d *Difference) order() []string { return []string{d.Provider, d.Model, d.From, d.Prices, d.What} }

type tableKey struct{ provider, model, condition, from string }

// tables are the book's tables by what they are for; where two are for the same, the one that stands above.
func (b *Book) tables(at time.Time) map[tableKey]Row {
	out := map[tableKey]Row{}
	for _, s := range b.all() {
		for _, r := range b.History(Name{s.provider, s.model}, at) {
			k := tableKey{provider: r.Provider, model: r.Model, from: r.From}
			if !at.IsZero() {
				k.from = ""
			}
			factorless := r
			factorless.Factor = ""
			k.condition = factorless.condition()
			out[k] = r
		}
	}
	return out
}

// said writes a table in a line.
func said(r *Row, there bool) string {
	if !there {
		return ""
	}
	var out []string
	for _, prices := range []map[string]string{r.Million, r.Unit} {
		for _, name := range slices.Sorted(maps.Keys(prices)) {
			out = append(out, name+" "+prices[name])
		}
	}
	return strings.Join(out, ", ")
}

func (d Difference) prices(old, now map[string]string) []Difference {
	names := map[string]bool{}
	for n := range old {
		names[n] = true
	}
	for n := range now {
		names[n] = true
	}
	var out []Difference
	for n := range names {
		if old[n] == now[n] {
			continue
		}
		d.What, d.Old, d.New, d.Change = n, old[n], now[n], percent(old[n], now[n])
		out = append(out, d)
	}
	return out
}

// percent is how much a price rose, to one decimal; empty where one of the two is none or the old one is zero.
func percent(old, now string) string {
	a, ok := new(big.Rat).SetString(old)
	b, ok2 := new(big.Rat).SetString(now)
	if !ok || !ok2 || a.Sign() == 0 {
		return ""
	}
	b.Sub(b, a).Quo(b, a).Mul(b, big.NewRat(100, 1))
	text := b.FloatString(1)
	if b.Sign() > 0 {
		text = "+" + text
	}
	return text + " %"
}

// WriteDiff writes differences as a table for people.
func WriteDiff(w io.Writer, all []Difference) error {
	cells := [][]string{{"MODEL", "PRICES", "FROM", "WHAT", "OLD", "NEW", "CHANGE"}}
	models := map[string]bool{}
	for _, d := range all {
		name := Name{d.Provider, d.Model}.String()
		models[name] = true
		cells = append(cells, []string{name, d.Prices, or(d.From, none), d.What, or(d.Old, none), or(d.New, none), d.Change})
	}
	if len(all) > 0 {
		if err := writeTable(w, cells, 4, 0); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "%d differences in %d models; USD per million tokens, units in USD each. %s: no price.\n", len(all), len(models), none)
	return err
}
