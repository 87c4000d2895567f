// Package calendar cuts time into the days and months of a tenant's time zone. Storage is in UTC; a zone says only where a
// tenant's day or month begins and ends, so a day has 23, 24 or 25 hours. Zones come with the program, whatever the machine has.
package calendar

import (
	"fmt"
	"time"
	_ "time/tzdata" // the same zones on every machine
)

// Span is [From, To), in UTC.
type Span struct{ From, To time.Time }

// Zone reads a zone's name as the IANA database has it; empty is UTC. "Local" is none: it would differ between machines.
func Zone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("time zone %q: want a name like Europe/Berlin or UTC", name)
	}
	return zone, nil
}

// Day is the zone's day that holds t.
func Day(t time.Time, zone *time.Location) Span {
	y, m, d := t.In(zone).Date()
	return Span{midnight(y, m, d, zone), midnight(y, m, d+1, zone)}
}

// Week is the zone's week that holds t, from Monday (ISO 8601).
func Week(t time.Time, zone *time.Location) Span {
	local := t.In(zone)
	y, m, d := local.Date()
	d -= (int(local.Weekday()) + 6) % 7
	return Span{midnight(y, m, d, zone), midnight(y, m, d+7, zone)}
}

// Month is the zone's month that holds t.
func Month(t time.Time, zone *time.Location) Span {
	y, m, _ := t.In(zone).Date()
	return Span{midnight(y, m, 1, zone), midnight(y, m+1, 1, zone)}
}

// ParseDay reads a day written as 2026-11-30.
func ParseDay(text string, zone *time.Location) (Span, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return Span{}, fmt.Errorf("day %q: write it as 2026-11-30", text)
	}
	return Span{midnight(t.Year(), t.Month(), t.Day(), zone), midnight(t.Year(), t.Month(), t.Day()+1, zone)}, nil
}

// ParseMonth reads a month written as 2026-11.
func ParseMonth(text string, zone *time.Location) (Span, error) {
	t, err := time.Parse("2006-01", text)
	if err != nil {
		return Span{}, fmt.Errorf("month %q: write it as 2026-11", text)
	}
	return Span{midnight(t.Year(), t.Month(), 1, zone), midnight(t.Year(), t.Month()+1, 1, zone)}, nil
}

// midnight is when a day begins. Where the clocks skip midnight itself the day begins at the first moment after the gap: Date
// would answer with a moment of the day before.
func midnight(y int, m time.Month, d int, zone *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	want := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Day()
	if t.Day() != want {
		_, gap := t.ZoneBounds()
		t = gap
	}
	return t.UTC()
}
