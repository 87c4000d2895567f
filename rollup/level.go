package rollup

import (
	"fmt"
	"time"
)

// Level is a size of window.
type Level string

// The levels, as stored.
const (
	Minute Level = "minute"
	Hour   Level = "hour"
	Day    Level = "day"
)

// Levels are all levels, each before the one made from it.
func Levels() []Level { return []Level{Minute, Hour, Day} }

// ParseLevel reads a level's name.
func ParseLevel(s string) (Level, error) {
	switch l := Level(s); l {
	case Minute, Hour, Day:
		return l, nil
	}
	return "", fmt.Errorf("level %q: use minute, hour or day", s)
}

func (l Level) length() time.Duration {
	switch l {
	case Minute:
		return time.Minute
	case Hour:
		return time.Hour
	}
	return 24 * time.Hour
}

// parent is the level made from this one.
func (l Level) parent() (Level, bool) {
	switch l {
	case Minute:
		return Hour, true
	case Hour:
		return Day, true
	}
	return "", false
}

func (l Level) table() string { return "cost_" + string(l) }

// start is the window of the level that holds t.
func (l Level) start(t time.Time) time.Time { return t.UTC().Truncate(l.length()) }
