package rollup

import "time"

// Level is a size and kind of window.
type Level string

// The levels, as stored. A minute is made from calls, an hour from minutes, a day from hours, all by the same few keys.
// The two by dimension (team, key, user, agent, feature, prompt) are made from the calls of an hour and from such hours.
const (
	Minute Level = "minute"
	Hour   Level = "hour"
	Day    Level = "day"
	HourBy Level = "hour_by"
	DayBy  Level = "day_by"
)

// Levels are all levels, each after those that it is made from.
func Levels() []Level { return []Level{Minute, Hour, Day, HourBy, DayBy} }

func (l Level) length() time.Duration {
	switch l {
	case Minute:
		return time.Minute
	case Hour, HourBy:
		return time.Hour
	}
	return 24 * time.Hour
}

// parents are the levels to do again when a window of this one has changed. An hour by dimension is made from calls, but
// it is the hour's change that tells of theirs.
func (l Level) parents() []Level {
	switch l {
	case Minute:
		return []Level{Hour}
	case Hour:
		return []Level{Day, HourBy}
	case HourBy:
		return []Level{DayBy}
	}
	return nil
}

func (l Level) table() string { return "cost_" + string(l) }

// start is the window of the level that holds t.
func (l Level) start(t time.Time) time.Time { return t.UTC().Truncate(l.length()) }
