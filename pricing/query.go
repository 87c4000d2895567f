package pricing

import (
	"sort"
	"strings"
	"time"
)

// Row is one table of prices for people and programs to read: of one model, tier and context length, in one period.
type Row struct {
	Provider string            `json:"provider"`
	Model    string            `json:"model"`
	Entry    string            `json:"entry"` // what Call.PriceEntry names
	Tier     string            `json:"tier"`
	Above    int64             `json:"above_input_tokens,omitempty"` // for calls with more input, cached tokens included
	Tenant   string            `json:"tenant,omitempty"`             // negotiated for; empty = everybody
	Override bool              `json:"override,omitempty"`           // laid over the published prices
	Factor   string            `json:"factor,omitempty"`             // of the published prices, which it was made of
	From     string            `json:"from,omitempty"`               // a day or moment (UTC); empty = open
	To       string            `json:"to,omitempty"`                 // exclusive
	Hours    string            `json:"hours,omitempty"`              // of every day, UTC; empty = all
	Million  map[string]string `json:"usd_per_million"`              // by the ledger's names of buckets
	Unit     map[string]string `json:"usd_per_unit,omitempty"`
	Also     []string          `json:"also_priced,omitempty"` // List only: the entry's other tiers and context lengths
	URL      string            `json:"source,omitempty"`
	Via      string            `json:"via,omitempty"`
	Checked  string            `json:"checked,omitempty"` // the day on which the source was read
	Version  string            `json:"price_version"`
}

// Name is a model as the book calls it.
type Name struct{ Provider, Model string }

// String writes provider/model.
func (n Name) String() string { return n.Provider + "/" + n.Model }

// Resolve returns the models that a name stands for by the book's rules. Without a provider the name may be written
// provider/model; failing that, every provider that has it is returned, sorted. None is an empty result.
func (b *Book) Resolve(provider, model string) []Name {
	one := func(provider, model string) []Name {
		if s := b.find(provider, model); s != nil {
			return []Name{{s.provider, s.model}}
		}
		return nil
	}
	if provider != "" {
		return one(provider, model)
	}
	if head, rest, ok := strings.Cut(model, "/"); ok {
		if found := one(head, rest); found != nil {
			return found
		}
	}
	var found []Name
	for p, own := range b.providers {
		if p == own {
			found = append(found, one(p, model)...)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].String() < found[j].String() })
	return found
}

// Providers lists the provider names that the book accepts, sorted.
func (b *Book) Providers() []string {
	var names []string
	for p := range b.providers {
		names = append(names, p)
	}
	sort.Strings(names)
	return names
}

// List returns the standard prices in force at a time for a tenant without a price of its own, one row per model, sorted.
// provider (any of its names) and substring (of the model's name) narrow it; empty = all.
func (b *Book) List(provider, substring string, at time.Time) []Row {
	own, known := b.providers[strings.ToLower(provider)]
	if provider != "" && !known {
		return nil
	}
	var rows []Row
	for _, s := range b.all() {
		if (provider != "" && s.provider != own) || !strings.Contains(s.model, strings.ToLower(substring)) {
			continue
		}
		e, _ := s.find("", at.UnixNano())
		if e == nil || len(e.standard) == 0 {
			continue
		}
		r := b.row(e, Standard, &e.standard[0])
		for _, other := range b.rows(e)[1:] {
			r.Also = append(r.Also, strings.TrimPrefix(other.tier(), Standard+" "))
		}
		rows = append(rows, r)
	}
	return rows
}

// History returns every table that the book has for a model: published prices first, by date, then what is laid over them
// for everybody and for tenants. A time that isn't zero keeps the tables in force then.
func (b *Book) History(n Name, at time.Time) []Row {
	s := b.find(n.Provider, n.Model)
	if s == nil {
		return nil
	}
	entries := append(append([]*Entry{}, s.list...), s.all...)
	var tenants []string
	for t := range s.tenant {
		tenants = append(tenants, t)
	}
	sort.Strings(tenants)
	for _, t := range tenants {
		entries = append(entries, s.tenant[t]...)
	}
	var rows []Row
	for _, e := range entries {
		if at.IsZero() || e.covers(at.UnixNano()) {
			rows = append(rows, b.rows(e)...)
		}
	}
	return rows
}

// Aliases lists the other names that stand for a model, sorted.
func (b *Book) Aliases(n Name) []string {
	s := b.find(n.Provider, n.Model)
	var names []string
	for k, have := range b.series {
		if s != nil && have == s && k.model != s.model {
			names = append(names, k.model)
		}
	}
	sort.Strings(names)
	return names
}

// all lists every model once, sorted.
func (b *Book) all() []*series {
	var out []*series
	seen := map[*series]bool{}
	for _, s := range b.series {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		return Name{out[i].provider, out[i].model}.String() < Name{out[j].provider, out[j].model}.String()
	})
	return out
}

// rows are an entry's tables: standard first, then the other tiers by name, each by context length.
func (b *Book) rows(e *Entry) []Row {
	var rows []Row
	add := func(tier string, steps []step) {
		for i := range steps {
			rows = append(rows, b.row(e, tier, &steps[i]))
		}
	}
	add(Standard, e.standard)
	var tiers []string
	for t := range e.tiers {
		tiers = append(tiers, t)
	}
	sort.Strings(tiers)
	for _, t := range tiers {
		add(t, e.tiers[t])
	}
	return rows
}

func (b *Book) row(e *Entry, tier string, s *step) Row {
	r := Row{
		Provider: e.Provider, Model: e.Model, Entry: s.table.ID, Tier: tier, Above: max(s.above, 0), Tenant: e.Tenant,
		Override: e.override, URL: e.Source.URL, Via: e.Source.Via, Checked: e.Source.Checked, Version: b.version,
	}
	if e.factor != nil {
		r.Factor = e.factor.String()
	}
	if !e.From.IsZero() {
		r.From = day(e.From)
	}
	if !e.To.IsZero() {
		r.To = day(e.To)
	}
	if e.hours != nil {
		r.Hours = e.hours.text
	}
	r.Million, r.Unit = s.table.Prices()
	return r
}

// Accepts reports whether the book knows a provider by this name.
func (b *Book) Accepts(provider string) bool {
	_, ok := b.providers[strings.ToLower(provider)]
	return ok
}
