package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger/calendar"
)

// Period is [From, To), whole days of UTC or, by In, of another time zone.
type Period struct {
	From, To time.Time
	zone     *time.Location // nil: UTC
	named    *Period        // the dates, where they don't follow from the zone
}

// In is the period of the same days in another time zone.
func (p Period) In(zone *time.Location) Period {
	midnight := func(t time.Time) time.Time {
		y, m, d := p.local(t).Date()
		return calendar.Day(time.Date(y, m, d, 12, 0, 0, 0, zone), zone).From
	}
	return Period{From: midnight(p.From), To: midnight(p.To), zone: zone}
}

// Within is the period, of days of UTC, in a span that has the same dates in the time zones that a tenant had. Its days have the
// names that they have in one zone.
func (p Period) Within(span calendar.Span, zone *time.Location) Period {
	return Period{From: span.From, To: span.To, zone: zone, named: &Period{From: p.From, To: p.To}}
}

// Zone is where the period's days begin.
func (p Period) Zone() *time.Location {
	if p.zone == nil {
		return time.UTC
	}
	return p.zone
}

func (p Period) local(t time.Time) time.Time { return t.In(p.Zone()) }

// days are the period's days.
func (p Period) days() []calendar.Span {
	var out []calendar.Span
	for at := p.From; at.Before(p.To); {
		day := calendar.Day(at, p.Zone())
		if day.From = at; day.To.After(p.To) {
			day.To = p.To
		}
		out = append(out, day)
		at = day.To
	}
	return out
}

// dates are the period's first day and the day after its last one, as midnights of UTC.
func (p Period) dates() Period {
	if p.named != nil {
		return *p.named
	}
	date := func(t time.Time) time.Time {
		y, m, d := p.local(t).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return Period{From: date(p.From), To: date(p.To)}
}

// The longest period that one report covers: two years, a row a day.
const longest = 2 * 366 * 24 * time.Hour

// Month is the period of a month written as 2026-11.
func Month(text string) (Period, error) {
	from, err := time.Parse("2006-01", text)
	if err != nil {
		return Period{}, fmt.Errorf("month %q: write it as 2026-11", text)
	}
	p := Period{From: from, To: from.AddDate(0, 1, 0)}
	return p, p.Validate()
}

// Days is the period from one day to another, both included, written as 2026-11-30. An empty last day is the first.
func Days(first, last string) (Period, error) {
	if last == "" {
		last = first
	}
	from, err := time.Parse(time.DateOnly, first)
	if err != nil {
		return Period{}, fmt.Errorf("first day %q: write it as 2026-11-01", first)
	}
	to, err := time.Parse(time.DateOnly, last)
	if err != nil {
		return Period{}, fmt.Errorf("last day %q: write it as 2026-11-30", last)
	}
	p := Period{From: from, To: to.AddDate(0, 0, 1)}
	return p, p.Validate()
}

// Recent is the last n days up to and with now's day.
func Recent(n int, now time.Time) (Period, error) {
	if n < 1 {
		return Period{}, fmt.Errorf("days %d: want 1 or more", n)
	}
	if most := int(longest / (24 * time.Hour)); n > most {
		return Period{}, fmt.Errorf("days %d: longer than two years; ask for %d or less", n, most)
	}
	end := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	p := Period{From: end.AddDate(0, 0, -n), To: end}
	return p, p.Validate()
}

// Choose makes a period of what a command line or a query gave: at most one of a month, a number of days, and a first and
// last day; nothing means the month of now.
func Choose(month string, days int, first, last string, now time.Time) (Period, error) {
	given := 0
	for _, is := range []bool{month != "", days != 0, first != "" || last != ""} {
		if is {
			given++
		}
	}
	switch {
	case given > 1:
		return Period{}, errors.New("a month, a number of days and a first day exclude each other: give one")
	case month != "":
		return Month(month)
	case days != 0:
		return Recent(days, now)
	case first != "":
		return Days(first, last)
	case last != "":
		return Period{}, fmt.Errorf("last day %q without a first day: give both", last)
	}
	return Month(now.UTC().Format("2006-01"))
}

// Validate says what is wrong with a period.
func (p Period) Validate() error {
	switch {
	case !p.From.Before(p.To):
		return fmt.Errorf("period from %s to %s: the first day comes after the last", p.From.Format(time.DateOnly), p.Last().Format(time.DateOnly))
	case p.From.Year() < 2002 || p.To.Year() > 2100: // a time before is a shorter number of seconds than the server takes for one
		return fmt.Errorf("period from %s to %s: want years from 2002 to 2100", p.From.Format(time.DateOnly), p.Last().Format(time.DateOnly))
	case p.To.Sub(p.From) > longest:
		return fmt.Errorf("period from %s to %s: longer than two years; ask for less", p.From.Format(time.DateOnly), p.Last().Format(time.DateOnly))
	}
	return nil
}

// Last is the period's last day.
func (p Period) Last() time.Time { return p.dates().To.AddDate(0, 0, -1) }

// IsMonth says whether the period is one whole month.
func (p Period) IsMonth() bool {
	d := p.dates()
	return d.From.Day() == 1 && d.To.Equal(d.From.AddDate(0, 1, 0))
}

// String is "2026-11" for a month, else "2026-11-03 to 2026-11-09".
func (p Period) String() string {
	d := p.dates()
	switch {
	case p.IsMonth():
		return d.From.Format("2006-01")
	case d.To.Equal(d.From.AddDate(0, 0, 1)):
		return d.From.Format(time.DateOnly)
	}
	return d.From.Format(time.DateOnly) + " to " + p.Last().Format(time.DateOnly)
}

// MarshalJSON writes the first and the last day, and the time zone if it isn't UTC.
func (p Period) MarshalJSON() ([]byte, error) {
	out := map[string]string{"first_day": p.dates().From.Format(time.DateOnly), "last_day": p.Last().Format(time.DateOnly)}
	if p.zone != nil && p.zone != time.UTC {
		out["time_zone"] = p.zone.String()
	}
	return json.Marshal(out)
}
