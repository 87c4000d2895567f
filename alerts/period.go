package alerts

import (
	"errors"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger/calendar"
)

// period is how often a budget begins anew. Windows are tumbling; days, weeks (from Monday) and months are those of a time zone, all else is in UTC.
type period struct {
	name   string
	length time.Duration // 0 for days, weeks and months
	zone   *time.Location
}

func parsePeriod(s, timeZone string) (period, error) {
	zone, wrongZone := calendar.Zone(timeZone)
	if s == "day" || s == "week" || s == "month" {
		return period{name: s, zone: zone}, wrongZone
	}
	if wrongZone == nil && timeZone != "" {
		wrongZone = fmt.Errorf("%q has no time zone: only a day, a week and a month have", s)
	}
	if s == "hour" {
		return period{name: s, length: time.Hour}, wrongZone
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 5*time.Second || d > 24*time.Hour || d%time.Second != 0 || (24*time.Hour)%d != 0 {
		err = fmt.Errorf("%q: want hour, day, week, month, or a duration from 5s to 24h of whole seconds that divides a day, like 30s or 15m", s)
	}
	return period{name: s, length: d}, errors.Join(err, wrongZone)
}

// window is [from, to) of time.
type window struct{ from, to time.Time }

// at is the window that holds t.
func (p period) at(t time.Time) window {
	switch p.name {
	case "day":
		day := calendar.Day(t, p.zone)
		return window{day.From, day.To}
	case "week":
		week := calendar.Week(t, p.zone)
		return window{week.From, week.To}
	case "month":
		month := calendar.Month(t, p.zone)
		return window{month.From, month.To}
	}
	t = t.UTC()
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	from := day.Add(t.Sub(day).Truncate(p.length))
	return window{from, from.Add(p.length)}
}

// wholeMinutes reports whether the window can be cut out of minutes.
func (w window) wholeMinutes() bool {
	return w.from.Truncate(time.Minute).Equal(w.from) && w.to.Truncate(time.Minute).Equal(w.to)
}

func (w window) String() string {
	layout := time.DateTime
	return w.from.UTC().Format(layout) + " to " + w.to.UTC().Format(layout) + " UTC"
}
