package pricing

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// bucketNames are the words of a price file. cache_write is the write of unstated or five minutes' life.
var bucketNames = map[string]ledger.Bucket{
	"input": ledger.FreshInput, "cache_read": ledger.CacheRead, "cache_write": ledger.CacheWrite5m,
	"cache_write_1h": ledger.CacheWrite1h, "audio_input": ledger.AudioInput, "image_input": ledger.ImageInput,
	"output": ledger.TextOutput, "reasoning": ledger.Reasoning, "audio_output": ledger.AudioOutput,
}

var unitNames = map[string]ledger.Unit{
	"request": ledger.UnitRequest, "image": ledger.UnitImage, "millisecond": ledger.UnitMilli, "page": ledger.UnitPage,
	"search": ledger.UnitSearch, "second": ledger.UnitMilli, "minute": ledger.UnitMilli, "hour": ledger.UnitMilli,
}

func (b *builder) fault(f *file, model, format string, args ...any) {
	b.faults = append(b.faults, fmt.Errorf("price file %s: %s/%s: "+format, append([]any{f.name, f.Provider, model}, args...)...))
}

// build adds a file's models to the book. Its discounts come first, so that a price that the file names for a model stands
// above them; and after its names, so that they can be meant.
func (b *builder) build(book *Book, f *file, override bool) {
	provider := strings.ToLower(f.Provider)
	if !override {
		book.providers[provider] = provider
		for _, n := range f.Also {
			book.providers[strings.ToLower(n)] = provider
		}
		if n := (naming{f.Names.Prefixes, f.Names.Suffixes, f.Names.Dates}); len(n.prefixes)+len(n.suffixes)+len(n.dates) > 0 {
			book.naming[provider] = n // of a provider's several files one says how it writes names
		}
	} else if _, ok := book.providers[provider]; !ok {
		book.providers[provider] = provider
	} else {
		provider = book.providers[provider]
	}
	all := make([]*series, len(f.Models))
	for i := range f.Models {
		m := &f.Models[i]
		if m.Model == "" {
			b.fault(f, "?", "model %d has no name", i+1)
			continue
		}
		all[i] = b.seriesFor(book, provider, m, f, override)
	}
	if override {
		b.discount(book, f)
	}
	b.reserve(book, f, override)
	for i, s := range all {
		m := &f.Models[i]
		if s == nil {
			continue
		}
		for j := range m.Prices {
			for _, e := range b.entries(f, provider, m, &m.Prices[j], override) {
				b.insert(f, s, e, override)
			}
		}
	}
}

// seriesFor finds or makes the model's series and enters its names. A name can stand for one model only.
func (b *builder) seriesFor(book *Book, provider string, m *model, f *file, override bool) *series {
	var s *series
	all := append([]string{m.Model}, m.Aliases...)
	for _, n := range all {
		if have := book.series[modelKey{provider, strings.ToLower(n)}]; have != nil {
			if !override || (s != nil && s != have) {
				b.fault(f, m.Model, "name %q already stands for %s; give every name to one model", n, have.model)
			}
			s = have
		}
	}
	if s == nil {
		s = &series{provider: provider, model: strings.ToLower(m.Model), tenant: map[string][]*Entry{}}
	}
	s.dated, s.searches = s.dated || m.Dated, s.searches || m.Searches
	for _, n := range all {
		book.series[modelKey{provider, strings.ToLower(n)}] = s
	}
	return s
}

// insert adds an entry to the list it belongs to, which may not overlap.
func (b *builder) insert(f *file, s *series, e *Entry, override bool) {
	e.series = s
	list := &s.list
	switch {
	case override && e.Tenant != "":
		l := s.tenant[e.Tenant]
		defer func() { s.tenant[e.Tenant] = l }()
		list = &l
	case override:
		list = &s.all
	}
	for _, have := range *list {
		if (e.to == 0 || have.from < e.to) && (have.to == 0 || e.from < have.to) && !override && !apart(have.hours, e.hours) {
			b.fault(f, s.model, "the price from %s overlaps the one from %s; end one where the other begins", day(e.From), day(have.From))
		}
	}
	*list = append(*list, e)
	if !override {
		sort.SliceStable(*list, func(i, j int) bool {
			a, b := (*list)[i], (*list)[j]
			if (a.hours == nil) != (b.hours == nil) {
				return a.hours == nil // the prices of some hours stand above those of all day
			}
			return a.from < b.from
		})
	}
}

// entries turns a period into one entry, or one per tenant.
func (b *builder) entries(f *file, provider string, m *model, p *period, override bool) []*Entry {
	base := Entry{Provider: provider, Model: strings.ToLower(m.Model), Source: f.Source.but(m.Source).but(p.Source), override: override}
	b.span(f, m.Model, &base, p.From, p.To)
	b.daily(f, m.Model, &base, p.Hours)
	tenants := f.Tenants
	if len(tenants) == 0 {
		tenants = []string{""}
	}
	var out []*Entry
	for _, tenant := range tenants {
		e := base
		e.Tenant = tenant
		e.tiers = map[string][]step{}
		e.standard = b.steps(f, &e, Standard, &p.Amounts, nil)
		for tier := range p.Tiers {
			over := p.Tiers[tier]
			e.tiers[tier] = b.steps(f, &e, tier, &over, &p.Amounts)
			e.choice = e.choice || tier != "batch"
		}
		out = append(out, &e)
	}
	return out
}

// span sets an entry's time.
func (b *builder) span(f *file, model string, e *Entry, from, to text) {
	parse := func(key string, s text) (time.Time, int64) {
		if s == "" {
			return time.Time{}, 0
		}
		for _, layout := range []string{time.DateOnly, time.RFC3339} {
			if t, err := time.Parse(layout, string(s)); err == nil {
				return t.UTC(), t.UnixNano()
			}
		}
		b.fault(f, model, "%s: %q is not a day (2026-01-31) or a moment (2026-01-31T12:00:00Z)", key, s)
		return time.Time{}, 0
	}
	e.From, e.from = parse("from", from)
	e.To, e.to = parse("to", to)
	if e.to != 0 && e.to <= e.from {
		b.fault(f, model, "the price ends (%s) before it begins (%s)", to, from)
	}
}

// steps makes the tables of one tier. A tier names the prices that differ; the others are the standard ones.
func (b *builder) steps(f *file, e *Entry, tier string, p, under *Amounts) []step {
	table := func(id string, layers ...*Amounts) Table {
		t := Table{ID: id}
		for _, l := range layers {
			if l != nil {
				b.fill(f, e.Model, &t, l)
			}
		}
		b.defaults(f, e.Model, &t)
		return t
	}
	id := entryID(e, tier)
	out := []step{{above: -1, table: table(id, under, p)}}
	for _, a := range p.Above {
		if a.InputTokens <= out[len(out)-1].above || a.InputTokens <= 0 {
			b.fault(f, e.Model, "above: input_tokens %d must be positive and rise from step to step", a.InputTokens)
		}
		over := &Amounts{Million: a.Million}
		out = append(out, step{a.InputTokens, table(fmt.Sprintf("%s>%d", id, a.InputTokens), under, p, over)})
	}
	return out
}

func entryID(e *Entry, tier string) string {
	id := e.Provider + "/" + e.Model
	if !e.From.IsZero() {
		id += "@" + day(e.From)
	}
	if e.hours != nil {
		id += "@" + e.hours.text
	}
	if tier != Standard {
		id += "+" + tier
	}
	switch {
	case e.Tenant != "":
		id += " for " + e.Tenant
	case e.override:
		id += " override"
	}
	return id
}

func day(t time.Time) string {
	switch {
	case t.IsZero():
		return "the beginning"
	case t.Equal(t.Truncate(24 * time.Hour)):
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339)
}

// fill enters the prices that are named.
func (b *builder) fill(f *file, model string, t *Table, p *Amounts) {
	for name, s := range p.Million {
		bucket, ok := bucketNames[name]
		if !ok {
			b.fault(f, model, "usd_per_million: %q is not a bucket; use %s", name, known(bucketNames))
			continue
		}
		price, err := ParsePrice(string(s))
		if err != nil {
			b.fault(f, model, "usd_per_million: %s: %v", name, err)
			continue
		}
		t.set(bucket, price.shift(6))
	}
	named := map[ledger.Unit]string{}
	for name, s := range p.Unit {
		unit, ok := unitNames[name]
		if !ok {
			b.fault(f, model, "usd_per_unit: %q is not a unit; use %s", name, known(unitNames))
			continue
		}
		price, err := ParsePrice(string(s))
		if err == nil {
			price, err = price.per1(name)
		}
		if err != nil {
			b.fault(f, model, "usd_per_unit: %s: %v", name, err)
			continue
		}
		if t.HasUnit(unit) && named[unit] != "" {
			b.fault(f, model, "usd_per_unit: %s and %s price the same unit; keep one", named[unit], name)
		}
		named[unit] = name
		t.setUnit(unit, price)
	}
}

// defaults gives a bucket without a price the price of another, as the file says.
func (b *builder) defaults(f *file, model string, t *Table) {
	for range f.Defaults {
		for name, from := range f.Defaults {
			bucket, ok := bucketNames[name]
			source, ok2 := bucketNames[from]
			if !ok || !ok2 {
				b.fault(f, model, "defaults: %s: %s is not a pair of buckets; use %s", name, from, known(bucketNames))
				return
			}
			if !t.Has(bucket) && t.Has(source) {
				t.set(bucket, t.Tokens[source])
			}
		}
	}
}

func known[V any](m map[string]V) string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// discount lays multiples of the published prices over them, for the part of each period that the discount covers.
func (b *builder) discount(book *Book, f *file) {
	provider := book.providers[strings.ToLower(f.Provider)]
	for _, d := range f.Discounts {
		factor, err := ParsePrice(string(d.Factor))
		if err != nil {
			b.fault(f, "discounts", "factor: %v", err)
		}
		var window Entry
		b.span(f, "discounts", &window, d.From, d.To)
		found := map[*series]bool{}
		for _, name := range d.Models {
			known := name == "*"
			for k, s := range book.series {
				if k.provider == provider && (name == "*" || k.model == strings.ToLower(name)) {
					found[s], known = true, true
				}
			}
			if !known {
				b.fault(f, name, "discounts: the book has no such model of this provider")
			}
		}
		if err != nil {
			continue
		}
		for s := range found {
			for _, list := range s.list {
				b.discounted(f, s, list, &window, factor)
			}
		}
	}
}

func (b *builder) discounted(f *file, s *series, list, window *Entry, factor Price) {
	tenants := f.Tenants
	if len(tenants) == 0 {
		tenants = []string{""}
	}
	for _, tenant := range tenants {
		e := *list
		e.Tenant, e.Source, e.override, e.factor = tenant, f.Source, true, &factor
		if window.from > e.from {
			e.From, e.from = window.From, window.from
		}
		if window.to != 0 && (e.to == 0 || window.to < e.to) {
			e.To, e.to = window.To, window.to
		}
		if e.to != 0 && e.to <= e.from {
			continue
		}
		times := func(tier string, steps []step) []step {
			out := make([]step, len(steps))
			for i, st := range steps {
				out[i] = step{st.above, b.times(f, s.model, st.table, factor)}
				out[i].table.ID = entryID(&e, tier) + " ×" + factor.String()
				if st.above >= 0 {
					out[i].table.ID += fmt.Sprintf(">%d", st.above)
				}
			}
			return out
		}
		e.standard = times(Standard, list.standard)
		e.tiers = map[string][]step{}
		for tier, steps := range list.tiers {
			e.tiers[tier] = times(tier, steps)
		}
		b.insert(f, s, &e, true)
	}
}

func (b *builder) times(f *file, model string, t Table, factor Price) Table {
	var err error
	for i := range t.Tokens {
		if t.Tokens[i], err = t.Tokens[i].Times(factor); err != nil {
			b.fault(f, model, "discounts: %v", err)
		}
	}
	for i := range t.Units {
		if t.Units[i], err = t.Units[i].Times(factor); err != nil {
			b.fault(f, model, "discounts: %v", err)
		}
	}
	return t
}
