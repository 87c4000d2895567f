package pricing

import (
	"maps"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Standard is the tier of a call that asked for none.
const Standard = "standard"

// Table holds the prices of one tier and one context length. A bucket without a price can't be priced.
type Table struct {
	ID     string // provider/model@from, +tier, >threshold, and who it was negotiated for
	Tokens [ledger.NumBuckets]Price
	Units  [ledger.NumUnits]Price
	tokens uint16 // bit set: the bucket has a price
	units  uint8
}

// Has reports whether the bucket has a price.
func (t *Table) Has(b ledger.Bucket) bool { return t.tokens&(1<<b) != 0 }

// HasUnit reports whether the unit has a price.
func (t *Table) HasUnit(u ledger.Unit) bool { return t.units&(1<<u) != 0 }

func (t *Table) set(b ledger.Bucket, p Price)   { t.Tokens[b] = p; t.tokens |= 1 << b }
func (t *Table) setUnit(u ledger.Unit, p Price) { t.Units[u] = p; t.units |= 1 << u }

// step is a table for calls whose input exceeds a threshold.
type step struct {
	above int64 // input tokens, cached ones included; the first step has -1
	table Table
}

// Entry is the price of one model in one period: a table per tier and context length.
type Entry struct {
	Provider, Model string
	From, To        time.Time // To is exclusive; zero = open
	Tenant          string    // negotiated for; empty = everybody
	Source          Source
	tiers           map[string][]step
	standard        []step
	override        bool    // laid over the published prices
	factor          *Price  // of the published prices; nil = prices of its own
	series          *series // whose price it is
	choice          bool    // a request can choose another tier (batches are not requests)
	from, to        int64   // Unix nanoseconds; to = 0 is open
	hours           *hours  // of every day in which it holds; nil = all day
}

// Source is where a price was read, and when.
type Source struct {
	URL     string `yaml:"url"`
	Via     string `yaml:"via"`
	Checked string `yaml:"checked"`
}

// Table returns the prices for a tier and a number of input tokens; nil when the entry has no such tier.
func (e *Entry) Table(tier string, input int64) *Table {
	steps := e.standard
	if tier != Standard {
		steps = e.tiers[tier]
	}
	for i := len(steps) - 1; i >= 0; i-- {
		if input > steps[i].above {
			return &steps[i].table
		}
	}
	return nil
}

// Lengths are the numbers of input tokens above which a tier's prices change.
func (e *Entry) Lengths(tier string) []int64 {
	steps := e.standard
	if tier != Standard {
		steps = e.tiers[tier]
	}
	var out []int64
	for _, s := range steps {
		if s.above >= 0 {
			out = append(out, s.above)
		}
	}
	return out
}

func (e *Entry) covers(at int64) bool {
	return at >= e.from && (e.to == 0 || at < e.to) && (e.hours == nil || e.hours.cover(at))
}

// series is all that the book says of one model.
type series struct {
	provider, model string
	dated, searches bool
	list            []*Entry            // published prices, by From
	all             []*Entry            // overrides for everybody
	tenant          map[string][]*Entry // overrides for one tenant
}

func at(entries []*Entry, t int64) *Entry {
	for i := len(entries) - 1; i >= 0; i-- {
		if entries[i].covers(t) {
			return entries[i]
		}
	}
	return nil
}

// find returns the entry in force for the tenant and the published one beneath it (nil if that is the same or none).
func (s *series) find(tenant string, t int64) (e, list *Entry) {
	list = at(s.list, t)
	if s.tenant != nil {
		if e = at(s.tenant[tenant], t); e != nil {
			return e, list
		}
	}
	if e = at(s.all, t); e != nil {
		return e, list
	}
	return list, nil
}

type modelKey struct{ provider, model string }

// naming says how a provider writes the names of its models.
type naming struct {
	prefixes []string
	suffixes []string
	dates    []string // "-YYYY-MM-DD", "-YYYYMMDD", "-MM-DD" …
}

// bare is a model's name without the first prefix and the first suffix that fit.
func (n naming) bare(model string) string {
	for _, p := range n.prefixes {
		if rest, ok := strings.CutPrefix(model, p); ok {
			model = rest
			break
		}
	}
	for _, s := range n.suffixes {
		if rest, ok := strings.CutSuffix(model, s); ok {
			return rest
		}
	}
	return model
}

// Book is a set of dated prices. It is safe for concurrent use.
type Book struct {
	version   string
	series    map[modelKey]*series
	providers map[string]string // every accepted provider name → the book's own
	naming    map[string]naming
	reserved  []*Reservation
	resolved  atomic.Pointer[map[modelKey]*resolved]
	recent    recent
}

// maxResolved bounds the memory of names seen, which are up to the senders. Names that stand for nothing fill half of it at
// most, so that they can't crowd out the others.
const maxResolved = 4096

// Version is a short hash of the book's content.
func (b *Book) Version() string { return b.version }

// Len is the number of models.
func (b *Book) Len() int { return len(b.series) }

// Models lists every model as provider/model, sorted.
func (b *Book) Models() []string {
	var names []string
	seen := map[*series]bool{}
	for _, s := range b.series {
		if !seen[s] {
			seen[s] = true
			names = append(names, s.provider+"/"+s.model)
		}
	}
	sort.Strings(names)
	return names
}

// Lookup returns the entry for a model at a time, for a tenant without a price of its own.
func (b *Book) Lookup(provider, model string, at time.Time) (*Entry, bool) {
	s := b.find(provider, model)
	if s == nil {
		return nil, false
	}
	e, _ := s.find("", at.UnixNano())
	return e, e != nil
}

// find resolves names by the book's explicit rules and remembers what it found, misses included.
func (b *Book) find(provider, model string) *series {
	lately := b.recent.of(provider, model)
	if r := lately.Load(); r != nil && r.provider == provider && r.model == model {
		return r.series
	}
	k := modelKey{provider, model}
	before := b.resolved.Load()
	known := *before
	if r, ok := known[k]; ok {
		lately.Store(r)
		return r.series
	}
	s, ok := b.series[k]
	if !ok {
		s = b.resolve(provider, model)
	}
	if len(known) < maxResolved/2 || (s != nil && len(known) < maxResolved) {
		next := make(map[modelKey]*resolved, len(known)+1)
		maps.Copy(next, known)
		k = modelKey{strings.Clone(provider), strings.Clone(model)}
		next[k] = &resolved{k, s}
		b.resolved.CompareAndSwap(before, &next) // whoever lost the race resolves once more
	}
	return s
}

// resolve applies the naming rules in order: the provider's other names, letter case, prefixes, suffixes, dates.
func (b *Book) resolve(provider, model string) *series {
	provider, ok := b.providers[strings.ToLower(provider)]
	if !ok {
		return nil
	}
	model = strings.ToLower(model)
	n := b.naming[provider]
	get := func(name string) *series { return b.series[modelKey{provider, name}] }
	if s := get(model); s != nil {
		return s
	}
	for _, p := range n.prefixes {
		if rest, ok := strings.CutPrefix(model, p); ok {
			model = rest
			break
		}
	}
	if s := get(model); s != nil {
		return s
	}
	for _, suffix := range n.suffixes {
		if rest, ok := strings.CutSuffix(model, suffix); ok {
			model = rest
			break
		}
	}
	if s := get(model); s != nil {
		return s
	}
	for _, d := range n.dates {
		if rest, ok := cutDate(model, d); ok {
			if s := get(rest); s != nil && s.dated {
				return s
			}
		}
	}
	return nil
}

// cutDate removes a trailing date written as the pattern says: letters stand for digits, the rest for itself.
func cutDate(name, pattern string) (string, bool) {
	cut := len(name) - len(pattern)
	if cut <= 0 {
		return "", false
	}
	for i, tail := 0, name[cut:]; i < len(pattern); i++ {
		digit := tail[i] >= '0' && tail[i] <= '9'
		if letter := pattern[i] >= 'A' && pattern[i] <= 'Z'; letter != digit || (!letter && pattern[i] != tail[i]) {
			return "", false
		}
	}
	return name[:cut], true
}
