package alerts

import (
	"fmt"
	"time"
)

// period is how often a budget begins anew. Windows are tumbling and in UTC.
type period struct {
	name   string
	length time.Duration // 0 for months
}

func parsePeriod(s string) (period, error) {
	switch s {
	case "hour":
		return period{s, time.Hour}, nil
	case "day":
		return period{s, 24 * time.Hour}, nil
	case "month":
		return period{name: s}, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 5*time.Second || d > 24*time.Hour || d%time.Second != 0 || (24*time.Hour)%d != 0 {
		return period{}, fmt.Errorf("%q: want hour, day, month, or a duration from 5s to 24h of whole seconds that divides a day, like 30s or 15m", s)
	}
	return period{s, d}, nil
}

// window is [from, to) of time.
type window struct{ from, to time.Time }

// at is the window that holds t.
func (p period) at(t time.Time) window {
	t = t.UTC()
	if p.length == 0 {
		from := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
		return window{from, from.AddDate(0, 1, 0)}
	}
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
