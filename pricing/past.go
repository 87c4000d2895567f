package pricing

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// Past is a price that one book changes for a time that has passed: calls of that time keep what they were charged until they
// are re-rated.
type Past struct {
	Provider string    `json:"provider"`
	Model    string    `json:"model"`
	Tenant   string    `json:"tenant,omitempty"` // negotiated for; empty = everybody else
	From     time.Time `json:"from"`             // the earliest change; zero: from the beginning
	To       time.Time `json:"to"`               // exclusive; at most now
}

// ChangedPast lists what a new book changes of the prices of the time before now, by model and buyer.
func ChangedPast(before, after *Book, now time.Time) []Past {
	var out []Past
	seen := map[Name]bool{}
	for _, b := range []*Book{before, after} {
		for _, s := range b.all() {
			n := Name{s.provider, s.model}
			if seen[n] {
				continue
			}
			seen[n] = true
			out = append(out, pastOf(n, before.series[modelKey{n.Provider, n.Model}], after.series[modelKey{n.Provider, n.Model}], now.UnixNano())...)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		return slices.Compare([]string{a.Provider, a.Model, a.Tenant}, []string{b.Provider, b.Model, b.Tenant}) < 0
	})
	return out
}

func pastOf(n Name, old, young *series, now int64) []Past {
	tenants := map[string]bool{"": true}
	edges := []int64{0}
	for _, s := range []*series{old, young} {
		if s == nil {
			continue
		}
		lists := [][]*Entry{s.list, s.all}
		for t, l := range s.tenant {
			tenants[t] = true
			lists = append(lists, l)
		}
		for _, l := range lists {
			for _, e := range l {
				for _, t := range []int64{e.from, e.to} {
					if t > 0 && t < now {
						edges = append(edges, t)
					}
				}
			}
		}
	}
	slices.Sort(edges)
	edges = append(slices.Compact(edges), now)
	var out []Past
	everybody := map[int]bool{} // segments in which the price for everybody changes
	for _, tenant := range append([]string{""}, sortedNames(tenants)...) {
		p := Past{Provider: n.Provider, Model: n.Model, Tenant: tenant}
		found := false
		for i, from := range edges[:len(edges)-1] {
			if old.inForce(tenant, from) == young.inForce(tenant, from) || (tenant != "" && everybody[i]) {
				continue
			}
			if tenant == "" {
				everybody[i] = true
			}
			if !found && from > 0 {
				p.From = time.Unix(0, from).UTC()
			}
			found = true
			p.To = time.Unix(0, edges[i+1]).UTC()
		}
		if found {
			out = append(out, p)
		}
	}
	return out
}

func sortedNames(names map[string]bool) []string {
	var out []string
	for n := range names {
		if n != "" {
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return out
}

// inForce is all that is charged for a tenant's calls at a time of whatever hour, as text; two that are equal charge the same.
func (s *series) inForce(tenant string, at int64) string {
	if s == nil {
		return ""
	}
	var b strings.Builder
	for _, list := range [][]*Entry{s.tenant[tenant], s.all, s.list} {
		for _, e := range slices.Backward(list) {
			if at < e.from || (e.to != 0 && at >= e.to) {
				continue
			}
			if e.hours != nil {
				b.WriteString(e.hours.text)
			}
			for _, tier := range append([]string{Standard}, sortedTiers(e)...) {
				steps := e.tiers[tier]
				if tier == Standard {
					steps = e.standard
				}
				for _, st := range steps {
					million, unit := st.table.Prices()
					fmt.Fprint(&b, " ", tier, ">", st.above, million, unit) // maps print by key
				}
			}
			if e.hours == nil {
				return b.String() // hides what lies below
			}
		}
	}
	return b.String()
}

func sortedTiers(e *Entry) []string {
	names := map[string]bool{}
	for t := range e.tiers {
		names[t] = true
	}
	return sortedNames(names)
}

// Rerate is the command that prices again what was changed: the days of all changes together. Empty if there is none.
func Rerate(all []Past, now time.Time) string {
	if len(all) == 0 {
		return ""
	}
	from, to := all[0].From, all[0].To
	models, tenants := map[string]bool{}, map[string]bool{}
	for _, p := range all {
		if p.From.Before(from) {
			from = p.From
		}
		if p.To.After(to) {
			to = p.To
		}
		models[p.Model], tenants[p.Tenant] = true, true
	}
	first := "FIRST-DAY" // the price has no beginning: the operator knows from when on there are calls
	if !from.IsZero() {
		first = from.Format(time.DateOnly)
	}
	last := to.Truncate(24 * time.Hour)
	if last.Before(to) {
		last = last.AddDate(0, 0, 1)
	}
	text := fmt.Sprintf("tollkeeper rerate --from %s --to %s", first, last.Format(time.DateOnly))
	if len(tenants) == 1 && all[0].Tenant != "" {
		text += " --tenant " + quoted(all[0].Tenant)
	}
	if len(models) == 1 {
		text += " --model " + quoted(all[0].Model)
	}
	return text + ` --reason "…"`
}

// quoted is a word of a shell's command line.
func quoted(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
