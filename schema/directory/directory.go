package directory

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tollkeeper/tollkeeper/ledger/calendar"
)

// Entry is what the directory says of one tenant.
type Entry struct {
	Tenant      string            `json:"tenant"`
	DisplayName string            `json:"name,omitempty"`
	Parent      string            `json:"parent,omitempty"`
	CostCentre  string            `json:"cost_centre,omitempty"`
	Owner       string            `json:"owner,omitempty"`
	TimeZone    string            `json:"time_zone,omitempty"` // of its days and months in budgets and reports; empty is UTC
	Attributes  map[string]string `json:"attributes,omitempty"`
}

// Dated is an entry that holds from a day of UTC on; Removed: from then on there is none.
type Dated struct {
	Entry
	Since   time.Time
	Removed bool
}

// Change is a Dated with who made it, when and why.
type Change struct {
	Dated
	Author, Reason string
	At             time.Time
}

// MarshalJSON writes the entry's fields and the change's beside each other; the day as 2026-11-30.
func (c Change) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Entry
		From    string    `json:"from"`
		Removed bool      `json:"removed,omitempty"`
		Author  string    `json:"author"`
		Reason  string    `json:"reason"`
		At      time.Time `json:"at"`
	}{c.Entry, c.Since.Format(time.DateOnly), c.Removed, c.Author, c.Reason, c.At.UTC()})
}

// Directory is everything that it says and said.
type Directory struct{ byTenant map[string][]Dated }

// New makes a directory of what holds from which day on, in any order; of two for one tenant and day the later one stands.
func New(all []Dated) Directory {
	d := Directory{map[string][]Dated{}}
	for _, x := range all {
		d.byTenant[x.Tenant] = put(d.byTenant[x.Tenant], x)
	}
	return d
}

// put adds x to a list ordered by day.
func put(list []Dated, x Dated) []Dated {
	i, found := slices.BinarySearchFunc(list, x.Since, func(have Dated, t time.Time) int { return have.Since.Compare(t) })
	if found {
		list = slices.Clone(list)
		list[i] = x
		return list
	}
	return slices.Insert(slices.Clone(list), i, x)
}

// clone can be added to without changing d.
func (d Directory) clone() Directory {
	out := Directory{map[string][]Dated{}}
	maps.Copy(out.byTenant, d.byTenant)
	return out
}

// At is a tenant's entry at a time; false if there is none.
func (d Directory) At(tenant string, at time.Time) (Entry, bool) {
	list := d.byTenant[tenant]
	for i := len(list) - 1; i >= 0; i-- {
		if !list[i].Since.After(at) {
			return list[i].Entry, !list[i].Removed
		}
	}
	return Entry{}, false
}

// Next is when the tenant's entry changes after a time; zero if it doesn't.
func (d Directory) Next(tenant string, at time.Time) time.Time {
	for _, x := range d.byTenant[tenant] {
		if x.Since.After(at) {
			return x.Since
		}
	}
	return time.Time{}
}

// AllAt are the entries at a time, by tenant.
func (d Directory) AllAt(at time.Time) []Entry {
	var out []Entry
	for tenant := range d.byTenant {
		if e, ok := d.At(tenant, at); ok {
			out = append(out, e)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Tenant < out[j].Tenant })
	return out
}

// Zone is where a tenant's days begin at a time; UTC for one without a zone.
func (d Directory) Zone(tenant string, at time.Time) *time.Location {
	e, _ := d.At(tenant, at)
	zone, err := calendar.Zone(e.TimeZone)
	if err != nil { // written past this package
		return time.UTC
	}
	return zone
}

// Span is a tenant's days from one date to before another, both midnights of UTC. Each day begins at midnight in the zone that the
// tenant has on that date, so a tenant whose zone changes has no moment in two days or in none.
func (d Directory) Span(tenant string, first, next time.Time) calendar.Span {
	begin := func(date time.Time) time.Time {
		y, m, day := date.Date()
		zone := d.Zone(tenant, date)
		return calendar.Day(time.Date(y, m, day, 12, 0, 0, 0, zone), zone).From
	}
	return calendar.Span{From: begin(first), To: begin(next)}
}

// Validate says what is wrong with an entry, all at once.
func (e Entry) Validate() []error {
	var out []error
	bad := func(format string, args ...any) {
		out = append(out, fmt.Errorf("tenant %q: "+format, append([]any{e.Tenant}, args...)...))
	}
	if e.Tenant == "" {
		bad("the name is empty: say which tenant, as its calls name it")
	}
	texts := map[string]string{"name": e.DisplayName, "parent": e.Parent, "cost_centre": e.CostCentre, "owner": e.Owner, "tenant": e.Tenant}
	for k, v := range e.Attributes {
		texts["attribute "+k] = v
		if k == "" {
			bad("an attribute without a name")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		if v := texts[key]; len(v) > maxText || !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl) {
			bad("%s %q: want at most %d bytes of text in one line", key, v, maxText)
		}
	}
	if _, err := calendar.Zone(e.TimeZone); err != nil {
		bad("%v", err)
	}
	if e.Parent != "" && e.Parent == e.Tenant {
		bad("is its own parent")
	}
	return out
}

const maxText = 512

// circle names the tenants that are each other's parents at a time, starting from one; nil if its line ends.
func (d Directory) circle(tenant string, at time.Time) []string {
	line := []string{tenant}
	for {
		e, ok := d.At(line[len(line)-1], at)
		if !ok || e.Parent == "" {
			return nil
		}
		if i := slices.Index(line, e.Parent); i >= 0 {
			return append(line[i:], e.Parent)
		}
		line = append(line, e.Parent)
	}
}
