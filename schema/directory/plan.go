package directory

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"
)

// Step is one change that a plan makes.
type Step struct {
	Dated
	Before  Entry
	Existed bool
	Until   time.Time // when the next entry takes over that isn't of this plan's day; zero: never
}

// Plan is what has to be written so that the directory says what is wanted, by tenant and day. Nothing to do is no step: the
// same file twice changes nothing.
func (d Directory) Plan(wanted []Wanted, from time.Time) ([]Step, error) {
	from = dayOf(from)
	all := slices.Clone(wanted)
	for i := range all {
		if all[i].From.IsZero() {
			all[i].From = from
		}
		all[i].From = dayOf(all[i].From)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].From.Before(all[j].From) })
	var steps []Step
	after := d.clone()
	type key struct{ tenant, from string }
	seen := map[key]bool{}
	for _, w := range all {
		k := key{w.Tenant, w.From.Format(time.DateOnly)}
		if seen[k] {
			return nil, fmt.Errorf("tenant %q: two entries from %s on: an entry without a day begins on the day it is applied; give it another", k.tenant, k.from)
		}
		seen[k] = true
		before, existed := after.At(w.Tenant, w.From)
		if existed == !w.Removed && (w.Removed || equal(before, w.Entry)) {
			continue
		}
		x := Dated{Entry: w.Entry, Since: w.From, Removed: w.Removed}
		steps = append(steps, Step{Dated: x, Before: before, Existed: existed})
		after.byTenant[x.Tenant] = put(after.byTenant[x.Tenant], x)
	}
	var faults []error
	for i := range steps {
		s := &steps[i]
		s.Until = after.Next(s.Tenant, s.Since)
		faults = append(faults, s.Validate()...)
		if c := after.circle(s.Tenant, s.Since); c != nil {
			faults = append(faults, fmt.Errorf("tenant %q: parents go round in a circle: %s", s.Tenant, strings.Join(c, " → ")))
		}
	}
	sort.SliceStable(steps, func(i, j int) bool { return steps[i].Tenant < steps[j].Tenant })
	return steps, errors.Join(faults...)
}

// Missing are the removals of all tenants that a list doesn't name and that the directory has on a day.
func (d Directory) Missing(wanted []Wanted, from time.Time) []Wanted {
	named := map[string]bool{}
	for _, w := range wanted {
		named[w.Tenant] = true
	}
	var out []Wanted
	for _, e := range d.AllAt(dayOf(from)) {
		if !named[e.Tenant] {
			out = append(out, Wanted{Entry: Entry{Tenant: e.Tenant}, Removed: true})
		}
	}
	return out
}

// Touches says which closed month a step would report anew; false if none.
func (s Step) Touches(closed []time.Time) (time.Time, bool) {
	for _, month := range closed {
		if s.Since.Before(month.AddDate(0, 1, 0)) && (s.Until.IsZero() || s.Until.After(month)) {
			return month, true
		}
	}
	return time.Time{}, false
}

// WriteSteps writes what would change, for people.
func WriteSteps(w io.Writer, steps []Step) {
	for _, s := range steps {
		head := fmt.Sprintf("%s from %s", s.Tenant, s.Since.Format(time.DateOnly))
		if !s.Until.IsZero() {
			head += " until " + s.Until.Format(time.DateOnly)
		}
		switch {
		case s.Removed:
			fmt.Fprintf(w, "%s: removed\n", head)
		case !s.Existed:
			fmt.Fprintf(w, "%s: new\n", head)
		default:
			fmt.Fprintln(w, head)
		}
		before, after := fields(s.Before), fields(s.Entry)
		if s.Removed {
			after = nil
		}
		keys := map[string]bool{}
		for k := range before {
			keys[k] = true
		}
		for k := range after {
			keys[k] = true
		}
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			if before[k] != after[k] {
				fmt.Fprintf(w, "  %-12s %s → %s\n", k, or(before[k]), or(after[k]))
			}
		}
	}
}

func or(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// fields are what an entry says, by the file's keys; nothing for what is empty.
func fields(e Entry) map[string]string {
	out := map[string]string{}
	for k, v := range map[string]string{"name": e.DisplayName, "parent": e.Parent, "cost_centre": e.CostCentre, "owner": e.Owner, "time_zone": e.TimeZone} {
		if v != "" {
			out[k] = v
		}
	}
	for k, v := range e.Attributes {
		out["attributes."+k] = v
	}
	return out
}

func equal(a, b Entry) bool {
	return maps.Equal(fields(a), fields(b)) && len(a.Attributes) == len(b.Attributes)
}

func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
