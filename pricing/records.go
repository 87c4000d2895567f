package pricing

import (
	"encoding/json"
	"sort"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Record is one table of prices as it is kept beside the calls it priced (table price_book): Entry is what Call.PriceEntry names.
type Record struct {
	Version, Entry  string
	Provider, Model string
	Effective       time.Time // the zero time if the price has no beginning
	Body            string    // JSON: USD per million tokens by bucket and per unit, as decimals in strings
	Source          string
	Checked         string // day, as the file says
}

// Records lists every table of the book, by entry.
func (b *Book) Records() []Record {
	var out []Record
	seen := map[*series]bool{}
	for _, s := range b.series {
		if seen[s] {
			continue
		}
		seen[s] = true
		entries := append(append([]*Entry{}, s.list...), s.all...)
		for _, negotiated := range s.tenant {
			entries = append(entries, negotiated...)
		}
		for _, e := range entries {
			out = append(out, b.records(e, e.standard)...)
			for _, steps := range e.tiers {
				out = append(out, b.records(e, steps)...)
			}
		}
	}
	for _, r := range b.reserved {
		out = append(out, r.record(b.version))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Entry < out[j].Entry })
	return out
}

func (b *Book) records(e *Entry, steps []step) []Record {
	var out []Record
	for i := range steps {
		t := &steps[i].table
		out = append(out, Record{
			Version: b.version, Entry: t.ID, Provider: e.Provider, Model: e.Model, Effective: e.From, Body: t.body(),
			Source: strings.TrimSpace(e.Source.URL + " " + e.Source.Via), Checked: e.Source.Checked,
		})
	}
	return out
}

// body writes the table's prices, those per million tokens under the names of the ledger's buckets.
func (t *Table) body() string {
	million, unit := t.Prices()
	text, err := json.Marshal(map[string]any{"usd_per_million": million, "usd_per_unit": unit})
	if err != nil {
		panic(err) // maps of strings always have a JSON form
	}
	return string(text)
}

// Prices are the table's prices by the ledger's names of buckets (USD per million tokens) and units.
func (t *Table) Prices() (million, unit map[string]string) {
	million, unit = map[string]string{}, map[string]string{}
	for i, p := range t.Tokens {
		if t.Has(ledger.Bucket(i)) {
			million[ledger.Bucket(i).String()] = p.million().String()
		}
	}
	for i, p := range t.Units {
		if t.HasUnit(ledger.Unit(i)) {
			unit[ledger.Unit(i).String()] = p.String()
		}
	}
	return million, unit
}

// million is a price per token as a price per million tokens.
func (p Price) million() Price {
	if p.exp >= 6 {
		return Price{p.digits, p.exp - 6}
	}
	return Price{p.digits * pow10[6-p.exp], 0}
}
